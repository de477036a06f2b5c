// Linear layers on few tokens: how a product is cut over the chip, and what shared memory holds.
// linear_decode_kernel.cuh has the kernel.
//
// A weight is rows of tiles (16 features), each of chunks of columns. A cluster of CTAs takes
// consecutive row tiles, each of its CTAs a slice of their chunks (a cluster is one CTA unless the
// activations are too many for the shared memory of one). The chunks of a CTA, row tile by row
// tile, are divided evenly among its warps, wherever that falls. A warp leaves a partial sum for
// each row tile that it touched; they are added up in the order of slices and warps.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_tile.cuh"

namespace facet::cuda::sm90 {

inline constexpr int kTileRows = 16;

struct DecodeArgs {
  const uint8_t* weights = nullptr;
  const uint16_t* x = nullptr;
  int64_t x_stride = 0;  // elements
  int tokens = 0;
  int cols = 0;
  int rows = 0;  // as packed
  int row_tiles = 0;
  int chunks = 0;  // of a row tile
  int slices = 1;  // CTAs of a cluster
  PartArgs parts[3];
  const uint8_t* prefetch = nullptr;
  int64_t prefetch_bytes = 0;
};

/// Items [begin, end).
struct Range {
  int begin = 0;
  int end = 0;
  __host__ __device__ int size() const { return end - begin; }
};

/// Part `index` of `count` even ones.
__host__ __device__ inline Range EvenPart(int items, int index, int count) {
  return {static_cast<int>(int64_t{items} * index / count),
          static_cast<int>(int64_t{items} * (index + 1) / count)};
}

/// The units (chunk of a row tile) of a CTA: unit i is chunk i % chunks.size() of row tile
/// i / chunks.size().
struct CtaShare {
  Range tiles;
  Range chunks;
  int warps;  // that have units

  __device__ int units() const { return tiles.size() * chunks.size(); }
  __device__ Range OfWarp(int warp) const {
    return warp < warps ? EvenPart(units(), warp, warps) : Range{};
  }
  /// The warp that has a unit.
  __device__ int WarpOf(int unit) const { return ((unit + 1) * warps - 1) / units(); }
};

template <int kWarps>
__device__ inline CtaShare ShareOf(const DecodeArgs& args, int rank) {
  const int clusters = static_cast<int>(gridDim.x) / args.slices;
  CtaShare share{EvenPart(args.row_tiles, static_cast<int>(blockIdx.x) / args.slices, clusters),
                 EvenPart(args.chunks, rank, args.slices), 0};
  share.warps = min(kWarps, share.units());
  return share;
}

/// Bytes of shared memory, and where they are. Sums are of [warp + row tile][row][token].
struct DecodeLayout {
  int x_stride;  // bytes from a token's activations to the next
  int x_at;
  int sums_at;
  int bytes;
};

/// `ring_bytes` come first; rows of activations are `padding` bytes longer than the slice.
__host__ __device__ inline DecodeLayout LayoutOf(const DecodeArgs& args, int max_tiles, int warps,
                                                 int token_columns, int chunk_cols, int padding,
                                                 int ring_bytes) {
  DecodeLayout layout{};
  const int slice_chunks = (args.chunks + args.slices - 1) / args.slices;
  layout.x_stride = slice_chunks * chunk_cols * 2 + padding;
  layout.x_at = ring_bytes;
  layout.sums_at = layout.x_at + args.tokens * layout.x_stride;
  layout.bytes = layout.sums_at + (max_tiles + warps - 1) * kTileRows * token_columns * 4;
  return layout;
}

}  // namespace facet::cuda::sm90
