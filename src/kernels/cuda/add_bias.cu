// A bias on every row. ref/add_bias.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"

namespace facet::cuda {

void CudaBackend::AddBias(const uint16_t* bias, Matrix x) {
  ForEach(stream_, x.rows * x.cols,
          [=] __device__(int64_t i) { x.data[i] += FloatFromBf16(bias[i % x.cols]); });
}

}  // namespace facet::cuda
