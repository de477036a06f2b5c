// Tensor maps: what the copy engine needs to know of a matrix in device memory.
#pragma once

#include <cstdint>

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace facet::cuda {

using TensorMapEncode = decltype(&cuTensorMapEncodeTiled);

/// cuTensorMapEncodeTiled, found through the runtime so that nothing links against the driver; null
/// where the driver has none.
TensorMapEncode FindTensorMapEncode();

namespace sm90 {

inline constexpr int64_t kMapWordBytes = 8;

/// A row-major matrix and the box that is copied at a time.
struct BoxedMatrix {
  const void* data = nullptr;  ///< 16-byte aligned
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t row_bytes = 0;  ///< from a row to the next, a multiple of 16
  int box_rows = 0;       ///< at most 256
  int box_cols = 0;
};

/// BF16, boxes of 64 columns, in the 128-byte swizzle that wgmma reads.
cudaError_t EncodeBf16Map(const BoxedMatrix& matrix, CUtensorMap* map);

/// Words of kMapWordBytes, at most 256 in a row of a box; boxes as they are.
cudaError_t EncodeWordMap(const BoxedMatrix& matrix, CUtensorMap* map);

}  // namespace sm90
}  // namespace facet::cuda
