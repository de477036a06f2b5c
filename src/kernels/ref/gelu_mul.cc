// The gate of the MLP: gelu_tanh(gate) * up.
#include <cmath>
#include <numbers>

#include "kernels/ref/ref_backend.h"

namespace facet {
namespace {

/// The tanh form of GELU (Hendrycks and Gimpel 2016), "gelu_pytorch_tanh" in configurations.
double GeluTanh(double z) {
  const double scale = std::sqrt(2 / std::numbers::pi);
  return 0.5 * z * (1 + std::tanh(scale * (z + 0.044715 * z * z * z)));
}

}  // namespace

void RefBackend::GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) {
  for (int64_t i = 0; i < out.rows * out.cols; ++i) {
    out.data[i] = static_cast<float>(GeluTanh(gate.data[i]) * up.data[i]);
  }
}

}  // namespace facet
