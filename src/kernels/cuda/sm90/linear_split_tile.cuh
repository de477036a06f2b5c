// The shapes of the split kernel (linear_split_kernel.cuh): products of a few tokens, where a chip
// full of CTAs needs the columns of a feature tile shared out over a cluster.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_tile.cuh"

namespace facet::cuda::sm90 {

inline constexpr int kSplitStepCols = 2 * kStepCols;  // columns of a stage

/// A CTA computes 64 kWarpgroupCount features of kTokenCount tokens over its share of the columns,
/// two records wide at a time.
template <int kWarpgroupCount, int kTokenCount, OutForm kOut>
struct SplitTile {
  static constexpr OutForm kOutput = kOut;
  static constexpr int kWarpgroups = kWarpgroupCount;
  static constexpr int kTokens = kTokenCount;
  static constexpr int kMultiplyingThreads = 128 * kWarpgroups;
  // A warp for the copies costs the others as many registers as it has itself; with 128 tokens they
  // need all.
  static constexpr bool kCopyingWarp = kTokens <= 64;
  static constexpr int kThreads = kMultiplyingThreads + (kCopyingWarp ? 32 : 0);
  static constexpr int kFeatures = 64 * kWarpgroups;

  static constexpr int kHalves = kSplitStepCols / kStepCols;
  static constexpr int kHalfInputBytes = kTokens * kStepCols * 2;
  static constexpr int kInputBytes = kHalves * kHalfInputBytes;
  static constexpr int kRowTileBytes = kHalves * static_cast<int>(kPackRecordBytes);
  static constexpr int kWeightBytes = kFeatures / 16 * kRowTileBytes;
  static constexpr int kStageBytes = (kInputBytes + kWeightBytes + 1023) / 1024 * 1024;
  static constexpr int kBarrierBytes = 8 * 2 * kMaxStages;
  static constexpr int kFittingStages = (kMaxSharedBytes - 1024 - kBarrierBytes) / kStageBytes;
  static constexpr int kStages = kFittingStages < kMaxStages ? kFittingStages : kMaxStages;
  static_assert(kStages >= 4);

  // Partial sums take the stages' place: [token][feature], padded so that the columns of a fragment
  // fall into distinct banks.
  static constexpr int kStagedStride = kFeatures + 4;
  static constexpr int kBarriersAt = kStages * kStageBytes;
  static constexpr int kSharedBytes = 1024 + kBarriersAt + kBarrierBytes;
  static_assert(kTokens * kStagedStride * 4 <= kBarriersAt);
};

}  // namespace facet::cuda::sm90
