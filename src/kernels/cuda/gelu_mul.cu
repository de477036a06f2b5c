// The gate of the MLP. ref/gelu_mul.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"

namespace facet::cuda {

void CudaBackend::GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) {
  // z / 2 (1 + tanh u) = z / (1 + e^-2u), which does not cancel. 2 sqrt(2 / pi):
  constexpr float kScale = 1.5957691216057308f;
  ForEach(stream_, out.rows * out.cols, [=] __device__(int64_t i) {
    const float z = gate.data[i];
    const float gelu = z / (1 + expf(-kScale * (z + 0.044715f * z * z * z)));
    out.data[i] = gelu * up.data[i];
  });
}

}  // namespace facet::cuda
