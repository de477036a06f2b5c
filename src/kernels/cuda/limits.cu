// Reading memory at full speed.
#include "base/random.h"
#include "kernels/cuda/limits_device.h"

namespace facet::cuda {

namespace {

constexpr int kThreads = 512;
constexpr int kLoads = 8;  // of 16 bytes, in flight in each thread

__global__ void __launch_bounds__(kThreads)
    ReadKernel(const uint4* data, int64_t count, uint32_t* sink) {
  const int64_t stride = int64_t{gridDim.x} * kThreads * kLoads;
  uint4 sum = {0, 0, 0, 0};
  for (int64_t first = int64_t{blockIdx.x} * kThreads * kLoads + threadIdx.x; first < count;
       first += stride) {
    uint4 values[kLoads];
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      values[i] =
          first + i * kThreads < count ? __ldcs(data + first + i * kThreads) : uint4{0, 0, 0, 0};
    }
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      sum.x ^= values[i].x;
      sum.y ^= values[i].y;
      sum.z ^= values[i].z;
      sum.w ^= values[i].w;
    }
  }
  // All four words the same is so rare that the store costs nothing.
  if (sum.x == sum.y && sum.y == sum.z && sum.z == sum.w && sum.x != 0) *sink = sum.x;
}

__global__ void FillKernel(uint64_t* data, int64_t count) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
    data[i] = RandomBits(1, static_cast<uint64_t>(i));
  }
}

}  // namespace

cudaError_t ReadMemory(const void* data, int64_t bytes, int multiprocessors, uint32_t* sink,
                       cudaStream_t stream) {
  if (bytes <= 0 || bytes % kReadStep != 0) return cudaErrorInvalidValue;
  constexpr int kBlocksEach = 4;
  ReadKernel<<<static_cast<unsigned>(multiprocessors * kBlocksEach), kThreads, 0, stream>>>(
      static_cast<const uint4*>(data), bytes / 16, sink);
  return cudaGetLastError();
}

cudaError_t FillRandom(void* data, int64_t bytes, cudaStream_t stream) {
  if (bytes <= 0 || bytes % 8 != 0) return cudaErrorInvalidValue;
  constexpr unsigned kBlocks = 4096;
  FillKernel<<<kBlocks, 256, 0, stream>>>(static_cast<uint64_t*>(data), bytes / 8);
  return cudaGetLastError();
}

}  // namespace facet::cuda
