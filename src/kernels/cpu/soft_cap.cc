// The soft cap on logits. ref/soft_cap.cc says what; in double, as there.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/soft_cap.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format off: after foreach_target.h, as every -inl.h
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void SoftCapValues(float cap, int64_t count, float* x) {
  const double bound = cap;
  ForLanes(hn::ScalableTag<double>(), count, [&](auto d, int64_t i) HWY_ATTR {
    const hn::Rebind<float, decltype(d)> half;
    const auto value = hn::PromoteTo(d, hn::LoadU(half, x + i));
    const auto capped = hn::Mul(hn::Set(d, bound), hn::Tanh(d, hn::Div(value, hn::Set(d, bound))));
    hn::StoreU(hn::DemoteTo(half, capped), half, x + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(SoftCapValues);

void CpuBackend::SoftCap(float cap, Matrix x) {
  constexpr int64_t kGrain = 2048;
  pool_.ParallelFor(x.rows * x.cols, kGrain, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(SoftCapValues)(cap, end - begin, x.data + begin);
  });
}

}  // namespace facet
#endif
