// Launches of the split kernel (linear_split_kernel.cuh), which multiplies packed NVFP4 weights
// with few tokens.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "kernels/cuda/sm90/linear_call.h"

namespace facet::cuda::sm90 {

/// Up to here the split kernel is faster than the one of linear_kernel.cuh.
inline constexpr int64_t kMaxSplitTokens = 128;

/// How a product is cut.
struct SplitChoice {
  int tokens = 128;  ///< of a tile: 32, 64 or 128
  int splits = 1;    ///< CTAs of a cluster: 1, 3 or 8, and at most SplitSteps()
};

/// The steps of a product's columns, which the CTAs of a cluster share.
int64_t SplitSteps(int64_t cols);

/// The choice that promises the shortest time. How many splits depends on the weight's sizes alone,
/// so that a token's result does not depend on how many there are.
SplitChoice ChooseSplit(const LinearCall& call);

cudaError_t LaunchSplit(const LinearCall& call, OutForm output, SplitChoice choice,
                        cudaStream_t stream);

}  // namespace facet::cuda::sm90
