// What the attention kernels share: the interval that a row sees, and rows of either type.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>

#include "kernels/cuda/ptx_async.cuh"

namespace facet::cuda {

inline constexpr float kLog2E = 1.4426950408889634F;

/// Positions [begin, end).
struct Interval {
  int begin = 0;
  int end = 0;
};

/// What row `row` of a sequence sees (attention.h).
__device__ __forceinline__ Interval VisibleTo(int row, int first_position, int window,
                                              const int64_t* visible_end) {
  const int position = first_position + row;
  const int begin = window == 0 ? 0 : max(0, position - window + 1);
  const int end = visible_end == nullptr ? position + 1 : static_cast<int>(visible_end[row]);
  return {begin, end};
}

/// Eight consecutive elements as BF16; 16-byte aligned.
__device__ __forceinline__ uint4 LoadBf16x8(const uint16_t* source) {
  return *reinterpret_cast<const uint4*>(source);
}
__device__ __forceinline__ uint4 LoadBf16x8(const float* source) {
  const float4 a = reinterpret_cast<const float4*>(source)[0];
  const float4 b = reinterpret_cast<const float4*>(source)[1];
  return {PackBf16(a.x, a.y), PackBf16(a.z, a.w), PackBf16(b.x, b.y), PackBf16(b.z, b.w)};
}

/// Two consecutive elements as a BF16 pair.
__device__ __forceinline__ uint32_t LoadBf16x2(const uint16_t* source) {
  return *reinterpret_cast<const uint32_t*>(source);
}
__device__ __forceinline__ uint32_t LoadBf16x2(const float* source) {
  const float2 pair = *reinterpret_cast<const float2*>(source);
  return PackBf16(pair.x, pair.y);
}

__device__ __forceinline__ float LoadFloat(const float* source) { return *source; }
__device__ __forceinline__ float LoadFloat(const uint16_t* source) {
  return __uint_as_float(static_cast<uint32_t>(*source) << 16);
}

__device__ __forceinline__ void StorePair(float* target, float a, float b) {
  *reinterpret_cast<float2*>(target) = {a, b};
}
__device__ __forceinline__ void StorePair(uint16_t* target, float a, float b) {
  *reinterpret_cast<uint32_t*>(target) = PackBf16(a, b);
}

__device__ __forceinline__ void StoreFloat(float* target, float value) { *target = value; }
__device__ __forceinline__ void StoreFloat(uint16_t* target, float value) {
  *target = static_cast<uint16_t>(PackBf16(value, 0.0F));
}

/// Maximum and sum over the four lanes that share a row of a matrix fragment.
__device__ __forceinline__ float QuadMax(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, 2));
}
__device__ __forceinline__ float QuadSum(float x) {
  x += __shfl_xor_sync(0xFFFFFFFFU, x, 1);
  return x + __shfl_xor_sync(0xFFFFFFFFU, x, 2);
}

}  // namespace facet::cuda
