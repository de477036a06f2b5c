// One thread an element.
#pragma once

#include <cstdint>

#include "kernels/cuda/check.h"

namespace facet::cuda {

template <typename Body>
__global__ void ForEachKernel(int64_t count, Body body) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) body(i);
}

/// body(i) for every i in [0, count), in any order. `body` is a __device__ lambda.
template <typename Body>
void ForEach(cudaStream_t stream, int64_t count, Body body) {
  if (count == 0) return;
  constexpr int64_t kThreads = 256;
  constexpr int64_t kMostBlocks = 4096;
  const int64_t blocks = (count + kThreads - 1) / kThreads;
  ForEachKernel<<<static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks), kThreads, 0,
                  stream>>>(count, body);
  CheckLaunch();
}

}  // namespace facet::cuda
