// Linear layers on few tokens: the products of linear_prefill.h for 1 to kMaxDecodeTokens tokens,
// streaming the weights at the speed of device memory. The same descriptions, sizes and promises.
//
// With `programmatic` set, reading weights begins while the kernel before still runs. `prefetch`
// names what a later kernel of the stream will read: once a kernel has asked for the last of its
// own weights, it brings those bytes into the L2 cache, so that the memory has work while short
// kernels run.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "kernels/cuda/linear_prefill.h"

namespace facet::cuda {

inline constexpr int64_t kMaxDecodeTokens = 16;

/// As LinearNvfp4Prefill.
cudaError_t LinearNvfp4Decode(const LinearNvfp4Desc& desc, cudaStream_t stream);

/// As GateUpNvfp4Prefill.
cudaError_t GateUpNvfp4Decode(const GateUpNvfp4Desc& desc, cudaStream_t stream);

/// As LinearBf16Prefill.
cudaError_t LinearBf16Decode(const LinearBf16Desc& desc, cudaStream_t stream);

}  // namespace facet::cuda
