// Rotary position embedding. ref/rope.cc says what; float, one fused rounding more per value than
// there.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void RopeHead(const float* cosines, const float* sines, int64_t half, float* head) {
  float* second = head + half;
  ForLanes(hn::ScalableTag<float>(), half, [&](auto d, int64_t i) HWY_ATTR {
    const auto c = hn::LoadU(d, cosines + i);
    const auto s = hn::LoadU(d, sines + i);
    const auto a = hn::LoadU(d, head + i);
    const auto b = hn::LoadU(d, second + i);
    hn::StoreU(hn::NegMulAdd(b, s, hn::Mul(a, c)), d, head + i);
    hn::StoreU(hn::MulAdd(a, s, hn::Mul(b, c)), d, second + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(RopeHead);

void CpuBackend::Rope(Matrix x, const RopeAngles& angles) {
  const int64_t half = angles.cosines.cols;
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t head = 0; head < x.cols; head += 2 * half) {
        HWY_DYNAMIC_DISPATCH(RopeHead)
        (angles.cosines.row(t), angles.sines.row(t), half, x.row(t) + head);
      }
    }
  });
}

}  // namespace facet
#endif
