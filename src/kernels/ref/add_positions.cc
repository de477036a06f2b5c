// The position of an image patch: one learned row for its column x, one for its row y.
#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

void RefBackend::AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) {
  for (int64_t t = 0; t < x.rows; ++t) {
    const int64_t column = positions[static_cast<size_t>(2 * t)];
    const int64_t row = positions[static_cast<size_t>(2 * t + 1)];
    const uint16_t* of_column = table + (2 * column) * x.cols;
    const uint16_t* of_row = table + (2 * row + 1) * x.cols;
    for (int64_t i = 0; i < x.cols; ++i)
      x.row(t)[i] += FloatFromBf16(of_column[i]) + FloatFromBf16(of_row[i]);
  }
}

}  // namespace facet
