// The residual stream's update. ref/residual.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"

namespace facet::cuda {

void CudaBackend::Residual(ConstMatrix x, float scale, Matrix residual) {
  ForEach(stream_, x.rows * x.cols,
          [=] __device__(int64_t i) { residual.data[i] = (residual.data[i] + x.data[i]) * scale; });
}

}  // namespace facet::cuda
