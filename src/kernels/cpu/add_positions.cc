// The position of an image patch. ref/add_positions.cc says what.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/add_positions.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void AddTwoRows(const uint16_t* of_column, const uint16_t* of_row, int64_t cols, float* x) {
  ForLanes(hn::ScalableTag<float>(), cols, [&](auto d, int64_t i) HWY_ATTR {
    const auto sum = hn::Add(LoadBf16(d, of_column + i), LoadBf16(d, of_row + i));
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), sum), d, x + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(AddTwoRows);

void CpuBackend::AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) {
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t column = positions[static_cast<size_t>(2 * t)];
      const int64_t row = positions[static_cast<size_t>(2 * t + 1)];
      HWY_DYNAMIC_DISPATCH(AddTwoRows)
      (table + 2 * column * x.cols, table + (2 * row + 1) * x.cols, x.cols, x.row(t));
    }
  });
}

}  // namespace facet
#endif
