// Which shapes the tensor-core kernels of attention.h take. No toolkit needed: routes are stated
// without one.
#pragma once

#include <cstdint>

namespace facet::cuda {

/// Rows of a query tile: the query heads of a key/value head, of one token or several, fill it.
inline constexpr int kPrefillTileRows = 64;
inline constexpr int kDecodeTileRows = 16;

constexpr bool FitsTensorCores(int64_t head_dim, int64_t heads, int64_t kv_heads, int tile_rows) {
  return (head_dim == 256 || head_dim == 512) && kv_heads > 0 && heads % kv_heads == 0 &&
         tile_rows % (heads / kv_heads) == 0;
}

}  // namespace facet::cuda
