// Norm, residual update and next norm: a block a row, which stays in registers. Few rows get wide
// blocks (the shortest way), many rows narrow ones (more loads in flight).
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ptx_async.cuh"
#include "kernels/cuda/residual_norm.h"

namespace facet::cuda {
namespace {

constexpr int kMaxWarps = 32;
constexpr int64_t kFewRows = 64;

__device__ __forceinline__ float4 UnpackBf16(uint2 packed) {
  return {__uint_as_float(packed.x << 16), __uint_as_float(packed.x & 0xFFFF0000U),
          __uint_as_float(packed.y << 16), __uint_as_float(packed.y & 0xFFFF0000U)};
}

/// The sum over all lanes of a warp, in all lanes.
template <typename T>
__device__ __forceinline__ T WarpSum(T value) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, step);
  return value;
}

/// The sum over the block, in all threads. `sums` is used once.
template <typename T>
__device__ __forceinline__ T SumOverBlock(T value, T* sums) {
  value = WarpSum(value);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  const unsigned lane = threadIdx.x % 32;
  return WarpSum(lane < blockDim.x / 32 ? sums[lane] : T{0});
}

struct SquareSums {
  float sums[kMaxWarps];
  double wide_sums[kMaxWarps];
};

/// 1 / sqrt(mean of squares + eps) of a row, kQuads fours of numbers a thread, zeros behind its
/// end.
template <int kQuads>
__device__ __forceinline__ float InverseRms(const float4 (&x)[kQuads], int cols, double eps,
                                            SquareSums& shared) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    sum += x[i].x * x[i].x + x[i].y * x[i].y + x[i].z * x[i].z + x[i].w * x[i].w;
  }
  sum = SumOverBlock(sum, shared.sums);
  // Far from both ends of the range no square was rounded to zero or infinity that matters.
  constexpr float kSmallest = 1e-20F;
  constexpr float kLargest = 1e37F;
  if (sum > kSmallest && sum < kLargest) {
    return 1.0F / sqrtf(sum / static_cast<float>(cols) + static_cast<float>(eps));
  }
  double wide = 0;
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    const double values[4] = {x[i].x, x[i].y, x[i].z, x[i].w};
    for (const double value : values) wide += value * value;
  }
  wide = SumOverBlock(wide, shared.wide_sums);
  return static_cast<float>(1.0 / sqrt(wide / cols + eps));
}

struct Params {
  const float* x;
  const uint2* x_norm;
  float* hidden;
  const uint2* next_norm;
  uint16_t* next;
  int cols;
  float scale;
  double eps;
};

/// Four weights a quad, packed; ones where there are none.
template <int kQuads>
__device__ __forceinline__ void LoadWeights(const uint2* weights, int quads, uint2 (&out)[kQuads]) {
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * static_cast<int>(blockDim.x);
    out[i] = {0x3F803F80U, 0x3F803F80U};
    if (weights != nullptr && at < quads) out[i] = __ldg(weights + at);
  }
}

template <int kQuads>
__device__ __forceinline__ void LoadRow(const float* row, int quads, float4 (&out)[kQuads]) {
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * static_cast<int>(blockDim.x);
    out[i] = at < quads ? reinterpret_cast<const float4*>(row)[at] : float4{0, 0, 0, 0};
  }
}

template <int kQuads, int kThreads>
__global__ void __launch_bounds__(kThreads, kQuads == 1       ? 2
                                            : kThreads == 256 ? 3
                                                              : 1)
    ResidualNormKernel(Params params) {
  __shared__ SquareSums shared[2];
  const int quads = params.cols / 4;
  LetNextKernelStart();
  uint2 x_norm[kQuads];
  uint2 next_norm[kQuads];
  LoadWeights(params.x_norm, quads, x_norm);
  LoadWeights(params.next_norm, quads, next_norm);
  WaitForPreviousKernel();

  const int64_t first = int64_t{blockIdx.x} * params.cols;
  float4 hidden[kQuads];
  LoadRow(params.hidden + first, quads, hidden);
  if (params.x != nullptr) {
    float4 x[kQuads];
    LoadRow(params.x + first, quads, x);
    const float inverse = InverseRms(x, params.cols, params.eps, shared[0]);
#pragma unroll
    for (int i = 0; i < kQuads; ++i) {
      const float4 weight = UnpackBf16(x_norm[i]);
      hidden[i].x = (hidden[i].x + x[i].x * inverse * weight.x) * params.scale;
      hidden[i].y = (hidden[i].y + x[i].y * inverse * weight.y) * params.scale;
      hidden[i].z = (hidden[i].z + x[i].z * inverse * weight.z) * params.scale;
      hidden[i].w = (hidden[i].w + x[i].w * inverse * weight.w) * params.scale;
      const int at = static_cast<int>(threadIdx.x) + i * static_cast<int>(blockDim.x);
      if (at < quads) reinterpret_cast<float4*>(params.hidden + first)[at] = hidden[i];
    }
  }
  if (params.next == nullptr) return;
  const float inverse = InverseRms(hidden, params.cols, params.eps, shared[1]);
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * static_cast<int>(blockDim.x);
    if (at >= quads) continue;
    const float4 weight = UnpackBf16(next_norm[i]);
    reinterpret_cast<uint2*>(params.next + first)[at] = {
        PackBf16(hidden[i].x * inverse * weight.x, hidden[i].y * inverse * weight.y),
        PackBf16(hidden[i].z * inverse * weight.z, hidden[i].w * inverse * weight.w)};
  }
}

/// Blocks of as many threads as a row needs at kQuads each, kThreads at most.
template <int kQuads, int kThreads>
cudaError_t Launch(const ResidualNormDesc& desc, cudaStream_t stream) {
  const Params params{desc.x,      reinterpret_cast<const uint2*>(desc.x_norm),
                      desc.hidden, reinterpret_cast<const uint2*>(desc.next_norm),
                      desc.next,   static_cast<int>(desc.cols),
                      desc.scale,  desc.eps};
  const int64_t threads = (desc.cols / 4 + kQuads - 1) / kQuads;
  return LaunchKernel(ResidualNormKernel<kQuads, kThreads>,
                      {.grid = dim3(static_cast<unsigned>(desc.rows)),
                       .threads = static_cast<int>((threads + 31) / 32 * 32),
                       .programmatic = desc.programmatic},
                      stream, params);
}

}  // namespace

cudaError_t ResidualNorm(const ResidualNormDesc& desc, cudaStream_t stream) {
  if (desc.rows < 1 || desc.rows > INT32_MAX || desc.cols < 8 || desc.cols % 8 != 0 ||
      desc.cols > 16384 || desc.hidden == nullptr) {
    return cudaErrorInvalidValue;
  }
  const int64_t quads = desc.cols / 4;
  const bool few = desc.rows <= kFewRows;
  if (few && quads <= 1024) return Launch<1, 1024>(desc, stream);
  if (quads <= 512) return Launch<2, 256>(desc, stream);
  if (quads <= 1024) return Launch<4, 256>(desc, stream);
  return Launch<4, 1024>(desc, stream);
}

}  // namespace facet::cuda
