// What lies between two blocks of a layer, in one pass over each row: the norm of a block's output,
// the residual stream's update, and the norm of the stream for the next block.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// Device pointers to contiguous rows, 16-byte aligned; cols a multiple of 8 up to 16384.
struct ResidualNormDesc {
  int64_t rows = 0;
  int64_t cols = 0;
  const float* x = nullptr;             ///< [rows, cols], or null: hidden stays as it is
  const uint16_t* x_norm = nullptr;     ///< BF16 [cols], or null for ones
  float scale = 1;                      ///< of the updated stream
  float* hidden = nullptr;              ///< [rows, cols]
  const uint16_t* next_norm = nullptr;  ///< BF16 [cols], or null for ones
  uint16_t* next = nullptr;             ///< BF16 [rows, cols], or null for none
  double eps = 0;
  /// As in linear_prefill.h: weights are read before the kernel before this one has ended.
  bool programmatic = false;
};

/// hidden = (hidden + rms_norm(x) * x_norm) * scale, then next = rms_norm(hidden) * next_norm. Sums
/// of squares are right for all finite rows, those whose squares are not floats included.
cudaError_t ResidualNorm(const ResidualNormDesc& desc, cudaStream_t stream);

}  // namespace facet::cuda
