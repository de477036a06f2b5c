// Layer norm over each row, with weight and bias.
#include <cmath>

#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

void RefBackend::LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                           Matrix out) {
  const auto count = static_cast<double>(x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    double sum = 0;
    for (int64_t i = 0; i < x.cols; ++i) sum += x.row(t)[i];
    const double mean = sum / count;
    double squares = 0;
    for (int64_t i = 0; i < x.cols; ++i) squares += (x.row(t)[i] - mean) * (x.row(t)[i] - mean);
    const double inverse = 1 / std::sqrt(squares / count + eps);
    for (int64_t i = 0; i < x.cols; ++i) {
      const double value =
          (x.row(t)[i] - mean) * inverse * FloatFromBf16(weight[i]) + FloatFromBf16(bias[i]);
      out.row(t)[i] = static_cast<float>(value);
    }
  }
}

}  // namespace facet
