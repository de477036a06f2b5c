// From a product's sizes to a launch of the linear kernel: tensor maps, and which tile.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/sm90/linear_call.h"
#include "kernels/cuda/sm90/linear_kernel.cuh"
#include "kernels/cuda/sm90/tensor_map.cuh"

namespace facet::cuda::sm90 {

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Tile>
cudaError_t EncodeMaps(const LinearCall& call, LinearArgs* args) {
  const cudaError_t error = EncodeBf16Map(
      {call.x.data, call.x.tokens, call.x.cols, call.x.stride * 2, Tile::kTokens, kStepCols},
      &args->x);
  if (error != cudaSuccess) return error;
  if constexpr (Tile::kWeights == WeightForm::kBf16) {
    return EncodeBf16Map(
        {call.weights, call.rows, call.x.cols, call.x.cols * 2, Tile::kFeatures, kStepCols},
        &args->weights);
  } else {
    const int64_t row_bytes = PackedColTiles(call.x.cols) * kPackRecordBytes;
    return EncodeWordMap(
        {call.weights, PackedRowTiles(call.rows), row_bytes / kMapWordBytes, row_bytes,
         Tile::kFeatures / 16, static_cast<int>(kPackRecordBytes / kMapWordBytes)},
        &args->weights);
  }
}

/// Launches with clusters of `splits` CTAs, 1 unless the tile is a split one, at most kMaxSplits
/// and the number of 64-column steps.
template <class Tile>
cudaError_t Launch(const LinearCall& call, int splits, int processors, cudaStream_t stream) {
  LinearArgs args;
  cudaError_t error = EncodeMaps<Tile>(call, &args);
  if (error != cudaSuccess) return error;
  std::copy(call.parts.begin(), call.parts.end(), args.parts);
  args.tokens = static_cast<int>(call.x.tokens);
  args.col_tiles = static_cast<int>(PackedColTiles(call.x.cols));
  args.feature_tiles = static_cast<int>(CeilDivide(call.rows, Tile::kFeatures));
  args.token_tiles = static_cast<int>(CeilDivide(call.x.tokens, Tile::kTokens));
  args.splits = splits;
  const int64_t tiles = int64_t{args.feature_tiles} * args.token_tiles;
  const int64_t clusters = std::min<int64_t>(tiles, processors / splits);
  return LaunchKernel(LinearKernel<Tile>,
                      {.grid = dim3(static_cast<unsigned>(clusters * splits)),
                       .threads = Tile::kThreads,
                       .shared_bytes = Tile::kSharedBytes,
                       .cluster = splits,
                       .programmatic = call.programmatic},
                      stream, args);
}

/// A tile's outline for choosing: sizes, and nanoseconds as measured on an H100
/// (docs/performance.md) for a step and for all else that a tile costs.
struct TileOutline {
  int features = 0;
  int tokens = 0;
  int max_splits = 1;
  double step_ns = 0;
  double fixed_ns = 0;
  double cluster_ns = 0;  ///< more, where the columns are split
};

struct TileChoice {
  int outline = 0;
  int splits = 1;
};

/// The outline and the number of splits that promise the shortest time.
inline TileChoice ChooseTile(std::span<const TileOutline> outlines, const LinearCall& call,
                             int processors) {
  TileChoice best;
  double best_ns = 0;
  for (size_t i = 0; i < outlines.size(); ++i) {
    const TileOutline& outline = outlines[i];
    const int64_t tiles =
        CeilDivide(call.rows, outline.features) * CeilDivide(call.x.tokens, outline.tokens);
    const int64_t steps = PackedColTiles(call.x.cols);
    for (int splits = 1; splits <= std::min<int64_t>(outline.max_splits, steps); splits *= 2) {
      const auto waves = static_cast<double>(CeilDivide(tiles, processors / splits));
      const double tile_ns = static_cast<double>(CeilDivide(steps, splits)) * outline.step_ns +
                             outline.fixed_ns + (splits > 1 ? outline.cluster_ns : 0);
      if (best_ns != 0 && waves * tile_ns >= best_ns) continue;
      best_ns = waves * tile_ns;
      best = {static_cast<int>(i), splits};
    }
  }
  return best;
}

template <WeightForm kForm, OutForm kOutput>
using WideTile = LinearTile<kForm, 2, 1, 256, false, kOutput>;
template <WeightForm kForm, OutForm kOutput>
using MiddleTile = LinearTile<kForm, 2, 2, 128, true, kOutput>;
template <WeightForm kForm, OutForm kOutput>
using NarrowTile = LinearTile<kForm, 4, 1, 64, true, kOutput>;
template <WeightForm kForm, OutForm kOutput>
using NarrowestTile = LinearTile<kForm, 4, 1, 32, true, kOutput>;

/// Packed weights have the split kernel (linear_split.h) for few tokens: no narrow tiles.
template <WeightForm kForm, OutForm kOutput>
cudaError_t LaunchForTokens(const LinearCall& call, cudaStream_t stream) {
  constexpr std::array<TileOutline, 4> kOutlines = {{{128, 256, 1, 650, 4000, 0},
                                                     {256, 128, kMaxSplits, 720, 4000, 4000},
                                                     {256, 64, kMaxSplits, 450, 4000, 4000},
                                                     {256, 32, kMaxSplits, 420, 4000, 4000}}};
  constexpr size_t kUsable = kForm == WeightForm::kNvfp4 ? 2 : kOutlines.size();
  int processors = 0;
  const cudaError_t error = MultiprocessorCount(&processors);
  if (error != cudaSuccess) return error;
  const TileChoice choice = ChooseTile(std::span(kOutlines).first(kUsable), call, processors);
  if constexpr (kForm == WeightForm::kBf16) {
    if (choice.outline == 2)
      return Launch<NarrowTile<kForm, kOutput>>(call, choice.splits, processors, stream);
    if (choice.outline == 3)
      return Launch<NarrowestTile<kForm, kOutput>>(call, choice.splits, processors, stream);
  }
  return choice.outline == 0
             ? Launch<WideTile<kForm, kOutput>>(call, choice.splits, processors, stream)
             : Launch<MiddleTile<kForm, kOutput>>(call, choice.splits, processors, stream);
}

}  // namespace facet::cuda::sm90
