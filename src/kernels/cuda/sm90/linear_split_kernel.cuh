// Linear layers of a few tokens: a cluster computes one tile of features, its CTAs a share of the
// columns each; partial sums are added up through the cluster's shared memory in the order of the
// columns.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_multiply.cuh"
#include "kernels/cuda/sm90/linear_split_sums.cuh"
#include "kernels/cuda/sm90/linear_split_tile.cuh"
#include "kernels/cuda/sm90/ptx_cluster.cuh"
#include "kernels/cuda/sm90/tensor_map.cuh"

namespace facet::cuda::sm90 {

/// Opens a stage for one step and starts the copy of its weights. Columns beyond the weight's are
/// zeros.
template <class Tile>
__device__ inline void LoadSplitWeights(const LinearArgs& args, const RingLayout<Tile>& shared,
                                        const SplitPosition<Tile>& position, int step, int stage) {
  MbarrierExpect(shared.Full(stage), Tile::kInputBytes + Tile::kWeightBytes);
  LoadBox(shared.Weights(stage), &args.weights,
          (position.first_step + step) * (Tile::kRowTileBytes / static_cast<int>(kMapWordBytes)),
          position.first_row / 16, shared.Full(stage));
}

template <class Tile>
__device__ inline void LoadSplitInput(const LinearArgs& args, const RingLayout<Tile>& shared,
                                      const SplitPosition<Tile>& position, int step, int stage) {
  const int column = (position.first_step + step) * (Tile::kHalves * kStepCols);
  for (int half = 0; half < Tile::kHalves; ++half) {
    LoadBox(shared.Input(stage) + half * Tile::kHalfInputBytes, &args.x, column + half * kStepCols,
            position.first_token, shared.Full(stage));
  }
}

/// Barriers, and as many weights as there are stages: they do not depend on the previous kernel.
template <class Tile>
__device__ inline void OpenRing(const LinearArgs& args, const RingLayout<Tile>& shared,
                                const SplitPosition<Tile>& position) {
  for (int i = 0; i < Tile::kStages; ++i) {
    MbarrierInit(shared.Full(i), 1);
    MbarrierInit(shared.Empty(i), 4 * Tile::kWarpgroups);
  }
  MbarrierInitFence();
  const int early = min(Tile::kStages, position.steps);
  for (int step = 0; step < early; ++step) LoadSplitWeights(args, shared, position, step, step);
  LetNextKernelStart();
}

/// The first activations, once they may be read.
template <class Tile>
__device__ inline void OpenInputs(const LinearArgs& args, const RingLayout<Tile>& shared,
                                  const SplitPosition<Tile>& position) {
  WaitForPreviousKernel();
  const int early = min(Tile::kStages, position.steps);
  for (int step = 0; step < early; ++step) LoadSplitInput(args, shared, position, step, step);
}

/// One record's products for a warpgroup. Its four fragments are decoded before the first product,
/// while those of the record before are under way; after this, nothing of the one before is.
template <class Tile>
__device__ inline void MultiplyRecord(uint32_t record, uint32_t input, bool accumulate,
                                      uint32_t (&fragments)[4][4],
                                      float (&acc)[Tile::kTokens / 2]) {
  const LaneRecord lane = ReadRecord(record);
  const RowScales upper = MakeRowScales(lane.scales.x);
  const RowScales lower = MakeRowScales(lane.scales.y);
#pragma unroll
  for (int j = 0; j < 4; ++j) DecodeFragment(WordOf(lane.words, j), upper, lower, j, fragments[j]);
  const uint64_t b = SwizzledOperand(input, 16, 1024);
  WgmmaFence();
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const uint32_t(&a)[4] = fragments[j];
    WgmmaRegisters<Tile::kTokens>(acc, a[0], a[1], a[2], a[3], b + j * kOperandK16,
                                  accumulate || j > 0);
  }
  WgmmaCommit();
  WgmmaWait<1>();
}

/// Fills a stage for a step again, once all warps are done with the step kStages before.
template <class Tile>
__device__ inline void Refill(const LinearArgs& args, const RingLayout<Tile>& shared,
                              const SplitPosition<Tile>& position, int step,
                              const RingPosition<Tile>& slot) {
  MbarrierWait(shared.Empty(slot.stage), slot.parity);
  LoadSplitWeights(args, shared, position, step, slot.stage);
  LoadSplitInput(args, shared, position, step, slot.stage);
}

/// The copying warp's thread.
template <class Tile>
__device__ inline void KeepFull(const LinearArgs& args, const RingLayout<Tile>& shared,
                                const SplitPosition<Tile>& position) {
  RingPosition<Tile> slot;
  for (int step = Tile::kStages; step < position.steps; ++step) {
    Refill(args, shared, position, step, slot);
    slot.Next();
  }
}

/// The sums of a CTA's share, in registers. Without a copying warp, thread 0 refills a stage one
/// step after its own warp is done with it, when all others usually are.
template <class Tile>
__device__ inline void MultiplyShare(const LinearArgs& args, const RingLayout<Tile>& shared,
                                     const SplitPosition<Tile>& position,
                                     float (&acc)[Tile::kTokens / 2]) {
  uint32_t fragments[Tile::kHalves][4][4];
  const uint32_t first_record = threadIdx.x / 32 * Tile::kRowTileBytes;
  RingPosition<Tile> slot;
  RingPosition<Tile> refill;
  int previous = 0;
  for (int step = 0; step < position.steps; ++step) {
    MbarrierWait(shared.Full(slot.stage), slot.parity);
#pragma unroll
    for (int half = 0; half < Tile::kHalves; ++half) {
      MultiplyRecord<Tile>(shared.Weights(slot.stage) + first_record + half * kPackRecordBytes,
                           shared.Input(slot.stage) + half * Tile::kHalfInputBytes,
                           step > 0 || half > 0, fragments[half], acc);
      if (half > 0 || step == 0) continue;
      if (threadIdx.x % 32 == 0) MbarrierArrive(shared.Empty(previous));
      if constexpr (!Tile::kCopyingWarp) {
        const int next = step - 2 + Tile::kStages;
        if (threadIdx.x == 0 && step > 1 && next < position.steps) {
          Refill(args, shared, position, next, refill);
          refill.Next();
        }
      }
      __syncwarp();
    }
    previous = slot.stage;
    slot.Next();
  }
  WgmmaWait<0>();
}

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    LinearSplitKernel(const __grid_constant__ LinearArgs args) {
  extern __shared__ uint8_t memory[];
  const uint32_t base = SharedAddress(memory);
  const uint32_t padding = (1024 - base % 1024) % 1024;
  const RingLayout<Tile> shared{base + padding, base + padding + Tile::kBarriersAt,
                                reinterpret_cast<float*>(memory + padding)};
  const SplitPosition<Tile> position(args);

  constexpr int kCopyingThread = Tile::kCopyingWarp ? Tile::kThreads - 32 : 0;
  if (threadIdx.x == kCopyingThread) OpenRing(args, shared, position);
  __syncthreads();
  if (threadIdx.x == kCopyingThread) OpenInputs(args, shared, position);
  __syncwarp();
  if (threadIdx.x >= Tile::kMultiplyingThreads) {
    if (threadIdx.x == kCopyingThread) KeepFull(args, shared, position);
    __syncwarp();
    __syncthreads();
    if (args.splits > 1) {
      ClusterSync();
      ClusterArriveRelaxed();
      ClusterWait();
    } else {
      __syncthreads();
    }
    return;
  }
  float acc[Tile::kTokens / 2];
  MultiplyShare(args, shared, position, acc);
  __syncthreads();  // nobody reads the ring any more: sums take its place
  StageSums<Tile>(acc, shared.staging);
  args.splits > 1 ? ClusterSync() : __syncthreads();
  StoreSplitSums(args, position, shared.staging);
}

}  // namespace facet::cuda::sm90
