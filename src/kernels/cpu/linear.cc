// out = x W^T with float32 activations, by the weight's format. ref/linear.cc says what.
#include "kernels/cpu/cpu_backend.h"

namespace facet {

void CpuBackend::Linear(const Weight& weight, ConstMatrix x, Matrix out) {
  if (const auto* bf16 = std::get_if<Bf16Matrix>(&weight)) {
    LinearBf16(*bf16, x, out);
  } else {
    LinearNvfp4(std::get<Nvfp4Matrix>(weight), x, out);
  }
}

}  // namespace facet
