// Per-target loop over vectors; included once per target, as Highway's own -inl.h files.
#if defined(FACET_KERNELS_CPU_FOR_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_FOR_LANES_INL_H_
#undef FACET_KERNELS_CPU_FOR_LANES_INL_H_
#else
#define FACET_KERNELS_CPU_FOR_LANES_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

/// body(tag, i) for i = 0, lanes, 2 lanes, ... below count; the last count % lanes items come one
/// by one, with a tag of one lane.
template <class D, class Body>
HWY_INLINE void ForLanes(D d, int64_t count, const Body& body) {
  const auto lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(d, i);
  const hwy::HWY_NAMESPACE::CappedTag<hwy::HWY_NAMESPACE::TFromD<D>, 1> one;
  for (; i < count; ++i) body(one, i);
}

/// BF16 values at `source`, widened to D's float lanes.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::VFromD<D> LoadBf16(D d, const uint16_t* source) {
  const hwy::HWY_NAMESPACE::Rebind<uint16_t, D> d16;
  const hwy::HWY_NAMESPACE::Rebind<uint32_t, D> d32;
  const auto wide = hwy::HWY_NAMESPACE::PromoteTo(d32, hwy::HWY_NAMESPACE::LoadU(d16, source));
  return hwy::HWY_NAMESPACE::BitCast(d, hwy::HWY_NAMESPACE::ShiftLeft<16>(wide));
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
