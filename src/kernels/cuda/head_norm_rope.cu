// RMS norm of every head, rope, rounding to BF16 and the append to the caches: one warp a head of a
// token, which stays in registers between its one read and its one write.
#include "kernels/cuda/attention_device.cuh"
#include "kernels/cuda/head_norm_rope.h"
#include "kernels/cuda/launch.cuh"

namespace facet::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kLaneWidth = 4;                 ///< consecutive elements of a lane, of each half
constexpr int kChunkWidth = 32 * kLaneWidth;  ///< of a half-head that a warp holds at once

/// Both halves of a head: pair i is (low[i], high[i]).
template <int kChunks>
struct Head {
  float4 low[kChunks];
  float4 high[kChunks];
};

__device__ __forceinline__ float SquareSum(float4 x) {
  return x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
}
__device__ __forceinline__ float4 Times(float4 a, float4 b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}
/// a b - c d
__device__ __forceinline__ float4 TimesMinus(float4 a, float4 b, float4 c, float4 d) {
  return {a.x * b.x - c.x * d.x, a.y * b.y - c.y * d.y, a.z * b.z - c.z * d.z,
          a.w * b.w - c.w * d.w};
}
/// a b + c d
__device__ __forceinline__ float4 TimesPlus(float4 a, float4 b, float4 c, float4 d) {
  return {a.x * b.x + c.x * d.x, a.y * b.y + c.y * d.y, a.z * b.z + c.z * d.z,
          a.w * b.w + c.w * d.w};
}
__device__ __forceinline__ float4 Load4(const float* source) {
  return *reinterpret_cast<const float4*>(source);
}
__device__ __forceinline__ float4 Load4(const uint16_t* source) {
  const uint2 packed = *reinterpret_cast<const uint2*>(source);
  return {__uint_as_float(packed.x << 16), __uint_as_float(packed.x & 0xFFFF0000U),
          __uint_as_float(packed.y << 16), __uint_as_float(packed.y & 0xFFFF0000U)};
}
__device__ __forceinline__ void Store4(uint16_t* target, float4 x) {
  *reinterpret_cast<uint2*>(target) = {PackBf16(x.x, x.y), PackBf16(x.z, x.w)};
}

/// norm(source) * weight, turned by the angles where there are any.
template <int kChunks>
__device__ void TransformHead(const float* source, const uint16_t* weight, const float* cosines,
                              const float* sines, int half, float eps, uint16_t* target) {
  const int lane_first = static_cast<int>(threadIdx.x) % 32 * kLaneWidth;
  Head<kChunks> head;
  float sum = 0;
#pragma unroll
  for (int c = 0; c < kChunks; ++c) {
    const int i = c * kChunkWidth + lane_first;
    if (i >= half) break;
    head.low[c] = Load4(source + i);
    head.high[c] = Load4(source + half + i);
    sum += SquareSum(head.low[c]) + SquareSum(head.high[c]);
  }
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFFU, sum, step);
  const float inverse = 1.0F / sqrtf(sum / static_cast<float>(2 * half) + eps);
  const float4 scale{inverse, inverse, inverse, inverse};
#pragma unroll
  for (int c = 0; c < kChunks; ++c) {
    const int i = c * kChunkWidth + lane_first;
    if (i >= half) break;
    float4 low = Times(head.low[c], scale);
    float4 high = Times(head.high[c], scale);
    if (weight != nullptr) {
      low = Times(low, Load4(weight + i));
      high = Times(high, Load4(weight + half + i));
    }
    if (cosines != nullptr) {
      const float4 cosine = Load4(cosines + i);
      const float4 sine = Load4(sines + i);
      const float4 turned_low = TimesMinus(low, cosine, high, sine);
      high = TimesPlus(high, cosine, low, sine);
      low = turned_low;
    }
    Store4(target + i, low);
    Store4(target + half + i, high);
  }
}

/// The sequence of a token: the last slot that does not begin after it.
__device__ __forceinline__ const CacheSlot& SlotOf(const HeadNormRopeDesc& desc, int64_t token) {
  int64_t low = 0;
  int64_t high = desc.sequences;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (desc.slots[middle].first_row <= token ? low : high) = middle;
  }
  return desc.slots[low];
}

template <int kChunks>
__global__ void __launch_bounds__(kWarps * 32) HeadNormRopeKernel(HeadNormRopeDesc desc) {
  WaitForPreviousKernel();
  LetNextKernelStart();
  const auto heads_of_token = static_cast<int>(desc.heads + 2 * desc.kv_heads);
  const int64_t job = blockIdx.x * int64_t{kWarps} + threadIdx.x / 32;
  const int64_t token = job / heads_of_token;
  if (token >= desc.tokens) return;
  auto head = static_cast<int>(job % heads_of_token);
  const auto half = static_cast<int>(desc.head_dim / 2);
  const auto eps = static_cast<float>(desc.eps);
  const float* cosines = desc.cosines + token * half;
  const float* sines = desc.sines + token * half;

  if (head < desc.heads) {
    TransformHead<kChunks>(desc.query + token * desc.query_stride + head * desc.head_dim,
                           desc.query_norm, cosines, sines, half, eps,
                           desc.query_out + (token * desc.heads + head) * desc.head_dim);
    return;
  }
  head -= static_cast<int>(desc.heads);
  const CacheSlot& slot = SlotOf(desc, token);
  const int64_t row = (slot.first_position + token - slot.first_row) % slot.capacity;
  if (head < desc.kv_heads) {
    TransformHead<kChunks>(desc.key + token * desc.key_stride + head * desc.head_dim, desc.key_norm,
                           cosines, sines, half, eps,
                           slot.keys + (row * desc.kv_heads + head) * desc.head_dim);
    return;
  }
  head -= static_cast<int>(desc.kv_heads);
  TransformHead<kChunks>(desc.value + token * desc.value_stride + head * desc.head_dim, nullptr,
                         nullptr, nullptr, half, eps,
                         slot.values + (row * desc.kv_heads + head) * desc.head_dim);
}

template <int kChunks>
cudaError_t Launch(const HeadNormRopeDesc& desc, cudaStream_t stream) {
  const int64_t jobs = desc.tokens * (desc.heads + 2 * desc.kv_heads);
  return LaunchKernel(HeadNormRopeKernel<kChunks>,
                      {.grid = dim3(static_cast<unsigned>((jobs + kWarps - 1) / kWarps)),
                       .threads = kWarps * 32,
                       .programmatic = true},
                      stream, desc);
}

}  // namespace

cudaError_t HeadNormRope(const HeadNormRopeDesc& desc, cudaStream_t stream) {
  if (desc.tokens == 0) return cudaSuccess;
  if (desc.head_dim % 8 != 0 || desc.head_dim < 8 || desc.head_dim > 1024) {
    return cudaErrorInvalidValue;
  }
  if (desc.head_dim <= 2 * kChunkWidth) return Launch<1>(desc, stream);
  if (desc.head_dim <= 4 * kChunkWidth) return Launch<2>(desc, stream);
  return Launch<4>(desc, stream);
}

}  // namespace facet::cuda
