// Rows into a cache ring, rounded to BF16: four elements a thread.
#include "kernels/cuda/append_cache.h"
#include "kernels/cuda/attention_device.cuh"

namespace facet::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    AppendCacheKernel(const float* rows, int64_t count, int64_t width, int64_t first_position,
                      int64_t capacity, uint16_t* cache) {
  const int64_t i = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * 4;
  if (i >= count * width) return;
  const float4 x = *reinterpret_cast<const float4*>(rows + i);
  const int64_t row = (first_position + i / width) % capacity;
  *reinterpret_cast<uint2*>(cache + row * width + i % width) = {PackBf16(x.x, x.y),
                                                                PackBf16(x.z, x.w)};
}

}  // namespace

cudaError_t AppendCache(const float* rows, int64_t count, int64_t width, int64_t first_position,
                        int64_t capacity, uint16_t* cache, cudaStream_t stream) {
  if (width % 4 != 0 || count > capacity) return cudaErrorInvalidValue;
  if (count == 0 || width == 0) return cudaSuccess;
  const int64_t blocks = (count * width / 4 + kThreads - 1) / kThreads;
  AppendCacheKernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(
      rows, count, width, first_position, capacity, cache);
  return cudaGetLastError();
}

}  // namespace facet::cuda
