// RMS norm over each row.
#include <cmath>

#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

void RefBackend::RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) {
  for (int64_t t = 0; t < x.rows; ++t) {
    double sum = 0;
    for (int64_t i = 0; i < x.cols; ++i) sum += static_cast<double>(x.row(t)[i]) * x.row(t)[i];
    const double inverse = 1 / std::sqrt(sum / static_cast<double>(x.cols) + eps);
    for (int64_t i = 0; i < x.cols; ++i) {
      const double scale = weight == nullptr ? 1.0 : FloatFromBf16(weight[i]);
      out.row(t)[i] = static_cast<float>(x.row(t)[i] * inverse * scale);
    }
  }
}

}  // namespace facet
