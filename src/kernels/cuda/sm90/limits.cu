// The matrix units at full speed: two warpgroups a multiprocessor, each with a tile of 64 x 256
// sums, over operands that stay in shared memory. What is in them is random, since the power that a
// product takes, and so the clock, depends on it.
#include "base/random.h"
#include "kernels/cuda/limits_device.h"
#include "kernels/cuda/ptx_async.cuh"
#include "kernels/cuda/sm90/ptx_wgmma.cuh"

namespace facet::cuda {

namespace {

constexpr int kWarpgroups = 2;
constexpr int kThreads = kWarpgroups * 128;
constexpr int kRows = 64;
constexpr int kCols = 256;
constexpr int kSlabs = 4;          // of 64 k: 128 bytes, the width of the swizzle
constexpr int kStepsOfSlab = 4;    // of 16 k
constexpr int kRowBytes = 128;     // a row of a slab
constexpr int kGroupBytes = 1024;  // eight rows of a slab
constexpr int kSlabA = kRows * kRowBytes;
constexpr int kSlabB = kCols * kRowBytes;
constexpr int kSharedBytes = kSlabs * (kWarpgroups * kSlabA + kSlabB) + kGroupBytes;

/// BF16 numbers of both signs between 2^-7 and 2, as random bits with some of them fixed.
__device__ uint32_t RandomPair(uint32_t bits) { return (bits & 0x83FF83FFu) | 0x3C003C00u; }

__global__ void __launch_bounds__(kThreads, 1) MultiplyKernel(int rounds, float* sink) {
  extern __shared__ uint8_t unaligned[];
  uint8_t* shared =
      unaligned + (kGroupBytes - SharedAddress(unaligned) % kGroupBytes) % kGroupBytes;
  auto* words = reinterpret_cast<uint32_t*>(shared);
  for (int i = static_cast<int>(threadIdx.x); i < (kSharedBytes - kGroupBytes) / 4; i += kThreads) {
    words[i] = RandomPair(static_cast<uint32_t>(RandomBits(blockIdx.x, static_cast<uint64_t>(i))));
  }
  FenceProxyAsync();
  __syncthreads();

  const uint32_t b = SharedAddress(shared);
  const uint32_t a = b + kSlabs * kSlabB + threadIdx.x / 128 * kSlabs * kSlabA;
  float sums[kCols / 2];
#pragma unroll
  for (int i = 0; i < kCols / 2; ++i) sums[i] = 0;
  for (int round = 0; round < rounds; ++round) {
    WgmmaFence();
#pragma unroll
    for (int step = 0; step < kSlabs * kStepsOfSlab; ++step) {
      const int slab = step / kStepsOfSlab;
      const uint64_t k = step % kStepsOfSlab * kOperandK16;
      WgmmaShared<kCols>(sums, SwizzledOperand(a + slab * kSlabA, 0, kGroupBytes) + k,
                         SwizzledOperand(b + slab * kSlabB, 0, kGroupBytes) + k, 1);
    }
    WgmmaCommit();
    WgmmaWait<0>();
  }
  // Without a store that might happen the compiler leaves out the products.
  float total = 0;
#pragma unroll
  for (int i = 0; i < kCols / 2; ++i) total += sums[i];
  if (isnan(total)) *sink = total;
}

}  // namespace

cudaError_t MultiplyMatrices(int rounds, int multiprocessors, float* sink, cudaStream_t stream) {
  const cudaError_t error = cudaFuncSetAttribute(
      MultiplyKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  if (error != cudaSuccess) return error;
  MultiplyKernel<<<static_cast<unsigned>(multiprocessors), kThreads, kSharedBytes, stream>>>(rounds,
                                                                                             sink);
  return cudaGetLastError();
}

double MultiplyOperations(int rounds, int multiprocessors) {
  constexpr double kOfRound = 2.0 * kWarpgroups * kRows * kCols * 16 * kSlabs * kStepsOfSlab;
  return kOfRound * rounds * multiprocessors;
}

}  // namespace facet::cuda
