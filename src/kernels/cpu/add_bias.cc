// A bias vector added to every row. ref/add_bias.cc says what.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/add_bias.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddBiasRow(const uint16_t* bias, int64_t cols, float* x) {
  ForLanes(hn::ScalableTag<float>(), cols, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), LoadBf16(d, bias + i)), d, x + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(AddBiasRow);

void CpuBackend::AddBias(const uint16_t* bias, Matrix x) {
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      HWY_DYNAMIC_DISPATCH(AddBiasRow)(bias, x.cols, x.row(t));
    }
  });
}

}  // namespace facet
#endif
