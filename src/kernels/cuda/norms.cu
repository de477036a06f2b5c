// RMS norms of a step. ref/rms_norm.cc and kernels/step.h say what.
#include "kernels/cuda/block_sum.cuh"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "tensor/bf16.h"

namespace facet::cuda {
namespace {

/// 1 / sqrt(mean(x^2) + eps) of a block's row; squares of large floats overflow a float.
__device__ float InverseRms(const float* row, int64_t cols, double eps) {
  double squares = 0;
  for (int64_t i = threadIdx.x; i < cols; i += blockDim.x) {
    squares += static_cast<double>(row[i]) * row[i];
  }
  return static_cast<float>(rsqrt(BlockSum(squares) / static_cast<double>(cols) + eps));
}

__global__ void InputNormKernel(ConstMatrix x, const uint16_t* weight, double eps, int64_t stride,
                                uint16_t* out) {
  const float* row = x.data + blockIdx.x * x.cols;
  const float inverse = InverseRms(row, x.cols, eps);
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) {
    out[blockIdx.x * stride + i] = Bf16FromFloat(row[i] * inverse * FloatFromBf16(weight[i]));
  }
}

__global__ void AddNormedKernel(ConstMatrix x, const uint16_t* weight, double eps, float scale,
                                Matrix residual) {
  const float* row = x.data + blockIdx.x * x.cols;
  float* sum = residual.data + blockIdx.x * x.cols;
  const float inverse = InverseRms(row, x.cols, eps);
  for (int64_t i = threadIdx.x; i < x.cols; i += blockDim.x) {
    sum[i] = (sum[i] + row[i] * inverse * FloatFromBf16(weight[i])) * scale;
  }
}

unsigned ThreadsFor(int64_t cols) { return cols > 512 ? 512 : 64; }

}  // namespace

void CudaBackend::InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) {
  if (x.rows == 0) return;
  InputNormKernel<<<static_cast<unsigned>(x.rows), ThreadsFor(x.cols), 0, stream_>>>(
      x, weight, eps, StrideOf(x.cols), static_cast<uint16_t*>(out.data));
  CheckLaunch();
}

void CudaBackend::ResidualNorm(const ResidualNormStep& step) {
  if (step.x.rows == 0) return;
  AddNormedKernel<<<static_cast<unsigned>(step.x.rows), ThreadsFor(step.x.cols), 0, stream_>>>(
      step.x, step.weight, step.eps, step.scale, step.residual);
  CheckLaunch();
  if (step.next_weight != nullptr) {
    InputNorm(step.residual, step.next_weight, step.eps, step.next);
  }
}

}  // namespace facet::cuda
