// What lies between the q/k/v projections and attention, in one pass: RMS norm of every head, rope,
// rounding to BF16, and the append to the cache rings.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// Where a token's key and value go.
struct CacheSlot {
  uint16_t* keys = nullptr;  ///< BF16 [capacity][kv_heads][head_dim]
  uint16_t* values = nullptr;
  int64_t capacity = 0;
  int64_t first_row = 0;       ///< the sequence's first token in the step
  int64_t rows = 0;            ///< its tokens
  int64_t first_position = 0;  ///< token first_row + i goes to row (first_position + i) % capacity
};

/// Device pointers. Row t of query, key, value belongs to token t; a row's heads are consecutive.
/// Strides are in elements, so that the three may be parts of one fused projection's output;
/// multiples of 4, bases 16-byte aligned.
struct HeadNormRopeDesc {
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;  ///< a multiple of 8, up to 1024
  const float* query = nullptr;
  int64_t query_stride = 0;
  const float* key = nullptr;
  int64_t key_stride = 0;
  const float* value = nullptr;  ///< may be key (full layers: the raw projection)
  int64_t value_stride = 0;
  const uint16_t* query_norm = nullptr;  ///< BF16 [head_dim], or null for none
  const uint16_t* key_norm = nullptr;
  double eps = 0;
  /// Float32 [tokens, head_dim / 2]; pair i is (x[i], x[i + head_dim / 2]) (backend.h, Rope).
  const float* cosines = nullptr;
  const float* sines = nullptr;
  uint16_t* query_out = nullptr;  ///< BF16 [tokens, heads * head_dim]
  /// Device memory [sequences], ordered by first_row, together covering all tokens.
  const CacheSlot* slots = nullptr;
  int64_t sequences = 0;
};

/// query_out = rope(norm(query)); key ring rows = rope(norm(key)); value ring rows = norm(value),
/// without a weight. Tokens of a sequence must not exceed its capacity.
cudaError_t HeadNormRope(const HeadNormRopeDesc& desc, cudaStream_t stream);

}  // namespace facet::cuda
