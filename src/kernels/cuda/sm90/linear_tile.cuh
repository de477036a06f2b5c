// The shapes of the linear kernel: how a CTA's tile, its ring of stages and its shared memory are
// cut. linear_kernel.cuh has the kernel.
#pragma once

#include <cstdint>

#include <cuda.h>

#include "kernels/cuda/pack_format.h"

namespace facet::cuda::sm90 {

enum class WeightForm { kNvfp4, kBf16 };
enum class OutForm { kFloat32, kBf16, kGateUp };

inline constexpr int kStepCols = 64;  // columns of a stage: one record, one swizzle row
inline constexpr int kMaxSharedBytes = 227 * 1024;
inline constexpr int kMaxStages = 8;
inline constexpr int kMaxSplits = 8;        // CTAs of a portable cluster
inline constexpr int kGroupTokenTiles = 8;  // token tiles that sweep the weight together
inline constexpr int kChunkTokens = 32;     // tokens that an epilogue turns at a time
inline constexpr int kMaxSumTokens = 64;    // tokens whose partial sums are added at a time

/// A CTA computes 64 kRowBlocks kConsumerCount features of kTokenCount tokens. In a split tile the
/// CTAs of a cluster, of any size up to kMaxSplits, take a share of the columns each and add up.
template <WeightForm kForm, int kConsumerCount, int kRowBlocks, int kTokenCount, bool kIsSplit,
          OutForm kOut>
struct LinearTile {
  static constexpr WeightForm kWeights = kForm;
  static constexpr OutForm kOutput = kOut;
  static constexpr int kConsumers = kConsumerCount;  // warpgroups that multiply
  static constexpr int kBlocks = kRowBlocks;         // 64-row blocks of a consumer
  static constexpr int kTokens = kTokenCount;
  static constexpr bool kSplit = kIsSplit;

  static constexpr int kThreads = 128 * (1 + kConsumers);
  // Of the registers that the launch bounds give a thread, the producer hands some to consumers.
  static constexpr int kProducerRegisters = kConsumers == 2 ? 40 : 24;
  static constexpr int kConsumerRegisters = kConsumers == 2 ? 232 : 112;
  static_assert(kConsumers == 2 || kConsumers == 4);

  static constexpr int kFeatures = 64 * kBlocks * kConsumers;
  static constexpr int kInputBytes = kTokens * kStepCols * 2;
  static constexpr int kWeightBytes = kForm == WeightForm::kNvfp4
                                          ? kFeatures / 16 * static_cast<int>(kPackRecordBytes)
                                          : kFeatures * kStepCols * 2;
  static constexpr int kStageBytes = (kInputBytes + kWeightBytes + 1023) / 1024 * 1024;

  // Rows of staged outputs are padded so that the columns of a fragment fall into distinct banks.
  static constexpr int kStagedRows = kOutput == OutForm::kGateUp ? 32 : 64;
  static constexpr int kStagedStride = kSplit ? kFeatures + 4 : kStagedRows + 4;
  static constexpr int kSumTokens = kTokens < kMaxSumTokens ? kTokens : kMaxSumTokens;
  static constexpr int kStagedTokens = kSplit ? kSumTokens : kConsumers * kChunkTokens;
  static constexpr int kStagingBytes = kStagedTokens * kStagedStride * 4;
  static constexpr int kBarrierBytes = 8 * (2 * kMaxStages + 2);
  static constexpr int kFittingStages =
      (kMaxSharedBytes - 1024 - kStagingBytes - kBarrierBytes) / kStageBytes;
  static constexpr int kStages = kFittingStages < kMaxStages ? kFittingStages : kMaxStages;
  static constexpr int kSharedBytes = 1024 + kStages * kStageBytes + kStagingBytes + kBarrierBytes;
  static_assert(kStages >= 3);
};

/// A part of the outputs; `first` counts rows as packed.
struct PartArgs {
  float alpha = 0;
  int first = 0;
  int rows = 0;
  int64_t stride = 0;
  void* out = nullptr;
};

/// Of a gate/up product parts[0] is the output with the gate's alpha, parts[1] holds up's alpha.
struct LinearArgs {
  CUtensorMap weights;
  CUtensorMap x;
  PartArgs parts[3];  // unused ones begin beyond every row
  int tokens = 0;
  int col_tiles = 0;
  int feature_tiles = 0;
  int token_tiles = 0;
  int splits = 1;  // CTAs of a cluster; at most col_tiles
};

}  // namespace facet::cuda::sm90
