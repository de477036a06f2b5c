// From the split kernel's accumulators to device memory: partial sums are staged in shared memory,
// added over the cluster in the order of the columns, and stored.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_epilogue.cuh"
#include "kernels/cuda/sm90/linear_split_tile.cuh"
#include "kernels/cuda/sm90/ptx_cluster.cuh"

namespace facet::cuda::sm90 {

/// What a CTA of the cluster does; a step is kHalves x kStepCols columns.
template <class Tile>
struct SplitPosition {
  int split;  // which share of the columns
  int first_row;
  int first_token;
  int first_step;
  int steps;

  __device__ explicit SplitPosition(const LinearArgs& args) {
    const int all_steps = (args.col_tiles + Tile::kHalves - 1) / Tile::kHalves;
    split = static_cast<int>(ClusterRank());
    first_row = static_cast<int>(blockIdx.x) / args.splits * Tile::kFeatures;
    first_token = static_cast<int>(blockIdx.y) * Tile::kTokens;
    first_step = split * all_steps / args.splits;
    steps = (split + 1) * all_steps / args.splits - first_step;
  }
};

/// Puts a CTA's partial sums where the cluster reads them: [token][feature as packed].
template <class Tile>
__device__ inline void StageSums(const float (&acc)[Tile::kTokens / 2], float* staging) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float* first = staging + 2 * (lane % 4) * Tile::kStagedStride +
                 static_cast<int>(threadIdx.x) / 32 * 16 + lane / 4;
#pragma unroll
  for (int i = 0; i < Tile::kTokens / 8; ++i) {
    float* cell = first + 8 * i * Tile::kStagedStride;
    cell[0] = acc[4 * i];
    cell[Tile::kStagedStride] = acc[4 * i + 1];
    cell[8] = acc[4 * i + 2];
    cell[Tile::kStagedStride + 8] = acc[4 * i + 3];
  }
}

/// Adds up this CTA's share of its neighbors' staged sums, and stores them. All reads are under way
/// before the first sum is needed.
template <class Tile, int kSplits>
__device__ inline void StoreSums(const LinearArgs& args, const SplitPosition<Tile>& position,
                                 const float* staging) {
  constexpr bool kGateUp = Tile::kOutput == OutForm::kGateUp;
  constexpr int kSides = kGateUp ? 2 : 1;
  constexpr int kFours = Tile::kFeatures / (4 * kSides);
  constexpr int kItems = Tile::kTokens * kFours;
  constexpr int kShare = (kItems + kSplits - 1) / kSplits;
  constexpr int kTurns = (kShare + Tile::kMultiplyingThreads - 1) / Tile::kMultiplyingThreads;
  const auto item_of = [&](int turn) {
    const int within = turn * Tile::kMultiplyingThreads + static_cast<int>(threadIdx.x);
    const int item = position.split * kShare + within;
    return within < kShare && item < kItems ? item : -1;
  };
  float4 parts[kTurns][kSides][kSplits] = {};
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int item = item_of(turn);
    if (item < 0) continue;
    const int feature = 4 * (item % kFours);
    const float* cell = staging + item / kFours * Tile::kStagedStride +
                        (kGateUp ? feature / 8 * 16 + feature % 8 : feature);
#pragma unroll
    for (int side = 0; side < kSides; ++side) {
#pragma unroll
      for (int split = 0; split < kSplits; ++split) {
        if constexpr (kSplits == 1) {
          parts[turn][side][split] = *reinterpret_cast<const float4*>(cell + 8 * side);
        } else {
          parts[turn][side][split] = LoadCluster(
              ClusterAddress(SharedAddress(cell + 8 * side), static_cast<uint32_t>(split)));
        }
      }
    }
  }
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
#pragma unroll
    for (int side = 0; side < kSides; ++side) {
      float4& sum = parts[turn][side][0];
#pragma unroll
      for (int split = 1; split < kSplits; ++split) {
        const float4& part = parts[turn][side][split];
        sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
      }
      asm volatile("" : "+f"(sum.x), "+f"(sum.y), "+f"(sum.z), "+f"(sum.w)::"memory");
    }
  }
  if (kSplits > 1) ClusterArriveRelaxed();  // nothing is read from neighbors any more
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int item = item_of(turn);
    if (item < 0) continue;
    const int token = position.first_token + item / kFours;
    const int feature = position.first_row / kSides + 4 * (item % kFours);
    const float alpha = kGateUp ? args.parts[0].alpha : PartOf(args, feature).alpha;
    float4 value = Scaled(parts[turn][0][0], alpha);
    if constexpr (kGateUp) {
      const float4 up = Scaled(parts[turn][1][0], args.parts[1].alpha);
      value = {GeluTanh(value.x) * up.x, GeluTanh(value.y) * up.y, GeluTanh(value.z) * up.z,
               GeluTanh(value.w) * up.w};
    }
    StoreFour<Tile::kOutput>(args, token, feature, value);
  }
  if (kSplits > 1) ClusterWait();  // a CTA's shared memory lives until its neighbors are done
}

template <class Tile>
__device__ inline void StoreSplitSums(const LinearArgs& args, const SplitPosition<Tile>& position,
                                      const float* staging) {
  switch (args.splits) {
    case 1:
      return StoreSums<Tile, 1>(args, position, staging);
    case 3:
      return StoreSums<Tile, 3>(args, position, staging);
    default:
      return StoreSums<Tile, 8>(args, position, staging);
  }
}

}  // namespace facet::cuda::sm90
