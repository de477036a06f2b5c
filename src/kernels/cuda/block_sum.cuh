// Sums over the threads of a block, in one order.
#pragma once

namespace facet::cuda {

/// The sum of every thread's value, in all threads. blockDim.x a multiple of 32, at most 1024.
template <typename T>
__device__ T BlockSum(T value) {
  __shared__ T sums[32];
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  __syncthreads();  // the last call's sums have been read
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  T total = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += sums[warp];
  return total;
}

}  // namespace facet::cuda
