// A product as the linear kernel's launchers take it, from the descriptions of linear_prefill.h.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/sm90/linear_tile.cuh"

namespace facet::cuda::sm90 {

/// A checked call.
struct LinearCall {
  LinearInput x;
  const void* weights = nullptr;
  int64_t rows = 0;  ///< as packed
  std::array<PartArgs, kMaxLinearParts> parts;
  bool programmatic = false;
  L2Prefetch prefetch;
};

/// False for sizes that the kernel does not take.
bool MakeCall(const LinearNvfp4Desc& desc, LinearCall* call);
bool MakeCall(const GateUpNvfp4Desc& desc, LinearCall* call);
bool MakeCall(const LinearBf16Desc& desc, LinearCall* call);

}  // namespace facet::cuda::sm90
