#include <algorithm>
#include <cstdint>

#include "kernels/cuda/sm90/linear_launch.cuh"
#include "kernels/cuda/sm90/linear_split.h"
#include "kernels/cuda/sm90/linear_split_kernel.cuh"

namespace facet::cuda::sm90 {
namespace {

constexpr int64_t kFeatures = 256;  // of a tile

/// Clusters of the sizes in use that an H100 runs at a time with one CTA a multiprocessor, as
/// cudaOccupancyMaxActiveClusters says (of 4 it would be 30, too few for 8192 rows).
struct ClusterCount {
  int splits;
  int64_t clusters;
};
constexpr ClusterCount kClusterCounts[] = {{1, 132}, {3, 39}, {8, 15}};

// What a step costs, and all else that a CTA does, without and with a cluster, in nanoseconds
// (docs/performance.md).
constexpr int64_t kStepNs = 1000;
constexpr int64_t kFixedNs = 4000;
constexpr int64_t kClusterNs = 2000;

template <class Tile>
cudaError_t LaunchTile(const LinearCall& call, int splits, cudaStream_t stream) {
  LinearArgs args;
  const int64_t row_bytes = PackedColTiles(call.x.cols) * kPackRecordBytes;
  cudaError_t error =
      EncodeWordMap({call.weights, PackedRowTiles(call.rows), row_bytes / kMapWordBytes, row_bytes,
                     Tile::kFeatures / 16, Tile::kRowTileBytes / static_cast<int>(kMapWordBytes)},
                    &args.weights);
  if (error != cudaSuccess) return error;
  error = EncodeBf16Map(
      {call.x.data, call.x.tokens, call.x.cols, call.x.stride * 2, Tile::kTokens, kStepCols},
      &args.x);
  if (error != cudaSuccess) return error;
  std::copy(call.parts.begin(), call.parts.end(), args.parts);
  args.tokens = static_cast<int>(call.x.tokens);
  args.col_tiles = static_cast<int>(PackedColTiles(call.x.cols));
  args.splits = splits;
  const int64_t feature_tiles = CeilDivide(call.rows, Tile::kFeatures);
  return LaunchKernel(
      LinearSplitKernel<Tile>,
      {.grid = dim3(static_cast<unsigned>(feature_tiles * splits),
                    static_cast<unsigned>(CeilDivide(call.x.tokens, Tile::kTokens))),
       .threads = Tile::kThreads,
       .shared_bytes = Tile::kSharedBytes,
       .cluster = splits,
       .programmatic = call.programmatic},
      stream, args);
}

template <OutForm kOutput>
cudaError_t LaunchForm(const LinearCall& call, SplitChoice choice, cudaStream_t stream) {
  switch (choice.tokens) {
    case 32:
      return LaunchTile<SplitTile<4, 32, kOutput>>(call, choice.splits, stream);
    case 64:
      return LaunchTile<SplitTile<4, 64, kOutput>>(call, choice.splits, stream);
    default:
      return LaunchTile<SplitTile<4, 128, kOutput>>(call, choice.splits, stream);
  }
}

}  // namespace

int64_t SplitSteps(int64_t cols) { return CeilDivide(cols, kSplitStepCols); }

SplitChoice ChooseSplit(const LinearCall& call) {
  SplitChoice best{call.x.tokens <= 32 ? 32 : call.x.tokens <= 64 ? 64 : 128, 1};
  const int64_t steps = SplitSteps(call.x.cols);
  int64_t best_ns = 0;
  for (const ClusterCount& count : kClusterCounts) {
    if (count.splits > steps) continue;
    const int64_t waves = CeilDivide(CeilDivide(call.rows, kFeatures), count.clusters);
    const int64_t ns = waves * (CeilDivide(steps, count.splits) * kStepNs + kFixedNs +
                                (count.splits > 1 ? kClusterNs : 0));
    if (best_ns != 0 && ns >= best_ns) continue;
    best_ns = ns;
    best.splits = count.splits;
  }
  return best;
}

cudaError_t LaunchSplit(const LinearCall& call, OutForm output, SplitChoice choice,
                        cudaStream_t stream) {
  switch (output) {
    case OutForm::kFloat32:
      return LaunchForm<OutForm::kFloat32>(call, choice, stream);
    case OutForm::kBf16:
      return LaunchForm<OutForm::kBf16>(call, choice, stream);
    default:
      return LaunchForm<OutForm::kGateUp>(call, choice, stream);
  }
}

}  // namespace facet::cuda::sm90
