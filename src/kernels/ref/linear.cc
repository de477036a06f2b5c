// out = x W^T with float32 activations, for a BF16 or an NVFP4 weight.
#include <vector>

#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {
namespace {

/// Row n of the weight, decoded. NVFP4 values are the format's float32 values, see
/// DequantizeElement.
void DecodeRow(const Bf16Matrix& weight, int64_t n, std::span<float> out) {
  for (int64_t k = 0; k < weight.cols; ++k) {
    out[static_cast<size_t>(k)] = FloatFromBf16(weight.data[n * weight.cols + k]);
  }
}

void DecodeRow(const Nvfp4Matrix& weight, int64_t n, std::span<float> out) {
  DequantizeRow(weight, n, out);
}

template <typename WeightMatrix>
void Multiply(const WeightMatrix& weight, ConstMatrix x, Matrix out) {
  std::vector<float> row(static_cast<size_t>(weight.cols));
  for (int64_t n = 0; n < weight.rows; ++n) {
    DecodeRow(weight, n, row);
    for (int64_t t = 0; t < x.rows; ++t) {
      double sum = 0;
      for (int64_t k = 0; k < weight.cols; ++k) {
        sum += static_cast<double>(row[static_cast<size_t>(k)]) * x.row(t)[k];
      }
      out.row(t)[n] = static_cast<float>(sum);
    }
  }
}

}  // namespace

void RefBackend::Linear(const Weight& weight, ConstMatrix x, Matrix out) {
  std::visit([&](const auto& matrix) { Multiply(matrix, x, out); }, weight);
}

}  // namespace facet
