// The soft cap on logits. ref/soft_cap.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"

namespace facet::cuda {

void CudaBackend::SoftCap(float cap, Matrix x) {
  ForEach(stream_, x.rows * x.cols,
          [=] __device__(int64_t i) { x.data[i] = cap * tanhf(x.data[i] / cap); });
}

}  // namespace facet::cuda
