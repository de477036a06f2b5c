// The norms of a step. kernels/step.h says what.
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/residual_norm.h"

namespace facet::cuda {

void CudaBackend::InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) {
  // Without an x of its own, the kernel only reads the stream.
  const ResidualNormDesc desc{.rows = x.rows,
                              .cols = x.cols,
                              .hidden = const_cast<float*>(x.data),
                              .next_norm = weight,
                              .next = static_cast<uint16_t*>(out.data),
                              .eps = eps,
                              .programmatic = true};
  Check(cuda::ResidualNorm(desc, stream_));
}

void CudaBackend::ResidualNorm(const ResidualNormStep& step) {
  const bool has_next = step.next_weight != nullptr;
  const ResidualNormDesc desc{.rows = step.x.rows,
                              .cols = step.x.cols,
                              .x = step.x.data,
                              .x_norm = step.weight,
                              .scale = step.scale,
                              .hidden = step.residual.data,
                              .next_norm = step.next_weight,
                              .next = has_next ? static_cast<uint16_t*>(step.next.data) : nullptr,
                              .eps = step.eps,
                              .programmatic = true};
  Check(cuda::ResidualNorm(desc, stream_));
}

}  // namespace facet::cuda
