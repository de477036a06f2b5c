// Layer norm, one block a row. ref/layer_norm.cc says what.
#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "tensor/bf16.h"

namespace facet::cuda {
namespace {

__global__ void LayerNormKernel(ConstMatrix x, const uint16_t* weight, const uint16_t* bias,
                                double eps, Matrix out) {
  const float* row = x.data + blockIdx.x * x.cols;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) sum += row[i];
  const double mean = BlockSum(sum) / static_cast<double>(x.cols);
  double squares = 0;
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) {
    squares += (row[i] - mean) * (row[i] - mean);
  }
  const double inverse = rsqrt(BlockSum(squares) / static_cast<double>(x.cols) + eps);
  float* result = out.data + blockIdx.x * x.cols;
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) {
    const double normed = (row[i] - mean) * inverse;
    result[i] = static_cast<float>(normed * FloatFromBf16(weight[i]) + FloatFromBf16(bias[i]));
  }
}

}  // namespace

void CudaBackend::LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                            Matrix out) {
  if (x.rows == 0) return;
  LayerNormKernel<<<static_cast<unsigned>(x.rows), 256, 0, stream_>>>(x, weight, bias, eps, out);
  CheckLaunch();
}

}  // namespace facet::cuda
