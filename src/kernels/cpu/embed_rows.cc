// Token embedding. ref/embed_rows.cc says what.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embed_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void EmbedRow(const uint16_t* source, float scale, int64_t cols, float* out) {
  ForLanes(hn::ScalableTag<float>(), cols, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(LoadBf16(d, source + i), hn::Set(d, scale)), d, out + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(EmbedRow);

void CpuBackend::EmbedRows(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
                           Matrix out) {
  ParallelRows(out.rows, out.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const uint16_t* source = table.data + ids[static_cast<size_t>(t)] * table.cols;
      HWY_DYNAMIC_DISPATCH(EmbedRow)(source, scale, table.cols, out.row(t));
    }
  });
}

}  // namespace facet
#endif
