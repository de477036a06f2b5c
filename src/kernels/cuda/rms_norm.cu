// RMS norm, one block a row. ref/rms_norm.cc says what.
#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "tensor/bf16.h"

namespace facet::cuda {
namespace {

__global__ void RmsNormKernel(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) {
  const float* row = x.data + blockIdx.x * x.cols;
  double squares = 0;  // squares of large floats overflow
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x)
    squares += static_cast<double>(row[i]) * row[i];
  const double mean = BlockSum(squares) / static_cast<double>(x.cols);
  const auto inverse = static_cast<float>(rsqrt(mean + eps));
  float* result = out.data + blockIdx.x * x.cols;
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) {
    const float normed = row[i] * inverse;
    result[i] = weight == nullptr ? normed : normed * FloatFromBf16(weight[i]);
  }
}

}  // namespace

void CudaBackend::RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) {
  if (x.rows == 0) return;
  const int threads = x.cols > 512 ? 256 : 64;
  RmsNormKernel<<<static_cast<unsigned>(x.rows), threads, 0, stream_>>>(x, weight, eps, out);
  CheckLaunch();
}

}  // namespace facet::cuda
