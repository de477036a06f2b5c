// NVFP4 weights into and out of the packed form of pack_format.h, on the host. pack.cuh does the
// same on the device. BF16 weights are not packed: products read them row-major as stored.
#pragma once

#include <cstdint>

#include "kernels/cuda/pack_format.h"
#include "tensor/nvfp4.h"

namespace facet::cuda {

/// Packs row tiles [first_tile, first_tile + tile_count) of a weight. `out` is where the first of
/// them begins, tile_count * PackedBytes(16, cols) bytes; threads can pack disjoint ranges. Block
/// scales must not be NaN. The global scale stays outside.
void PackNvfp4(const Nvfp4Matrix& weight, int64_t first_tile, int64_t tile_count, uint8_t* out);

/// The same for gate and up as one matrix: row tile i holds rows 8i .. 8i + 7 of gate, then the
/// same rows of up, so that a thread that owns rows g and g + 8 of a tile owns a gate and its up.
/// Both have the same shape; there are GateUpRowTiles(rows) tiles.
void PackGateUp(const Nvfp4Matrix& gate, const Nvfp4Matrix& up, int64_t first_tile,
                int64_t tile_count, uint8_t* out);
constexpr int64_t GateUpRowTiles(int64_t rows) { return (rows + 7) / 8; }
constexpr int64_t GateUpBytes(int64_t rows, int64_t cols) {
  return GateUpRowTiles(rows) * PackedBytes(kPackRows, cols);
}

/// The inverse of PackNvfp4() for the whole matrix: codes [rows, cols / 2] and block_scales
/// [rows, cols / 16] as files hold them. Blocks of zero scale come back as zero codes of scale 1,
/// those of negative scale as their equal with a positive one.
void UnpackNvfp4(const uint8_t* packed, int64_t rows, int64_t cols, uint8_t* codes,
                 uint8_t* block_scales);

}  // namespace facet::cuda
