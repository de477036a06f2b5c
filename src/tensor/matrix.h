// Views of float32 activations: a pointer with its size. Nothing here owns memory.
#pragma once

#include <cstdint>

namespace facet {

/// float32 [rows, cols], row-major and contiguous, owned elsewhere.
struct Matrix {
  float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  float* row(int64_t i) const { return data + i * cols; }
  /// Rows [first, first + count).
  Matrix Rows(int64_t first, int64_t count) const { return {row(first), count, cols}; }
};

/// The same, read-only.
struct ConstMatrix {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  ConstMatrix() = default;
  ConstMatrix(const float* values, int64_t row_count, int64_t col_count)
      : data(values), rows(row_count), cols(col_count) {}
  ConstMatrix(const Matrix& matrix)
      : data(matrix.data), rows(matrix.rows), cols(matrix.cols) {}  // NOLINT

  const float* row(int64_t i) const { return data + i * cols; }
  ConstMatrix Rows(int64_t first, int64_t count) const { return {row(first), count, cols}; }
};

}  // namespace facet
