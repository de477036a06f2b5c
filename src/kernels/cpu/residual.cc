// The residual stream: add, then scale. ref/residual.cc says what.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/residual.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void ResidualValues(const float* x, float scale, int64_t count, float* residual) {
  ForLanes(hn::ScalableTag<float>(), count, [&](auto d, int64_t i) HWY_ATTR {
    const auto sum = hn::Add(hn::LoadU(d, residual + i), hn::LoadU(d, x + i));
    hn::StoreU(hn::Mul(sum, hn::Set(d, scale)), d, residual + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(ResidualValues);

void CpuBackend::Residual(ConstMatrix x, float scale, Matrix residual) {
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(ResidualValues)
    (x.row(begin), scale, (end - begin) * x.cols, residual.row(begin));
  });
}

}  // namespace facet
#endif
