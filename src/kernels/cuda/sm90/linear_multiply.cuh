// One stage's products for the kernels of linear_kernel.cuh and linear_split_kernel.cuh. A consumer
// warpgroup turns the packed words of its rows into A fragments in registers while the matrix unit
// works on earlier ones; BF16 weights are multiplied where they lie in shared memory.
#pragma once

#include <cstdint>

#include "kernels/cuda/nvfp4_decode.cuh"
#include "kernels/cuda/sm90/linear_tile.cuh"
#include "kernels/cuda/sm90/ptx_wgmma.cuh"

namespace facet::cuda::sm90 {

/// Where shared memory's pieces are; the same offsets in every CTA of a cluster.
template <class Tile>
struct RingLayout {
  uint32_t stages;    // kStages x (activations, then weights), 1024-byte aligned
  uint32_t barriers;  // full[kStages], empty[kStages]
  float* staging;

  __device__ uint32_t Input(int stage) const { return stages + stage * Tile::kStageBytes; }
  __device__ uint32_t Weights(int stage) const { return Input(stage) + Tile::kInputBytes; }
  /// A step's weights and activations are there.
  __device__ uint32_t Full(int stage) const { return barriers + 8 * stage; }
  /// All readers are done with a step.
  __device__ uint32_t Empty(int stage) const { return barriers + 8 * (Tile::kStages + stage); }
};

/// A position in the ring: which stage, and the parity of its current phase.
template <class Tile>
struct RingPosition {
  int stage = 0;
  uint32_t parity = 0;

  __device__ void Next() {
    if (++stage == Tile::kStages) {
      stage = 0;
      parity ^= 1;
    }
  }
};

/// A lane's words and scales of one record.
struct LaneRecord {
  uint4 words;
  uint2 scales;  // of row g, of row g + 8
};

__device__ inline LaneRecord ReadRecord(uint32_t record) {
  const uint32_t lane = threadIdx.x % 32;
  LaneRecord result;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(result.words.x), "=r"(result.words.y), "=r"(result.words.z),
                 "=r"(result.words.w)
               : "r"(record + 16 * lane));
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
               : "=r"(result.scales.x), "=r"(result.scales.y)
               : "r"(record + static_cast<uint32_t>(kPackCodeBytes) + 8 * (lane / 4)));
  return result;
}

__device__ inline uint32_t WordOf(const uint4& words, int index) {
  return index == 0 ? words.x : index == 1 ? words.y : index == 2 ? words.z : words.w;
}

/// One stage's products for a consumer with packed weights. Fragments of a stage's four steps have
/// registers of their own, so that two steps can be under way while the next one is decoded; after
/// the second one, nothing of the stage before is.
template <class Tile, typename Release>
__device__ inline void MultiplyPacked(uint32_t weights, uint32_t input, uint32_t consumer,
                                      bool accumulate,
                                      float (&acc)[Tile::kBlocks][Tile::kTokens / 2],
                                      const Release& release_previous) {
  const uint32_t warp = threadIdx.x % 128 / 32;
  LaneRecord records[Tile::kBlocks];
#pragma unroll
  for (int block = 0; block < Tile::kBlocks; ++block) {
    const uint32_t row_tile = 4 * (consumer * Tile::kBlocks + block) + warp;
    records[block] = ReadRecord(weights + row_tile * static_cast<uint32_t>(kPackRecordBytes));
  }
  const uint64_t b = SwizzledOperand(input, 16, 1024);
  uint32_t fragments[4][Tile::kBlocks][4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) {
      DecodeFragment(WordOf(records[block].words, j), ScalePair(records[block].scales.x, j),
                     ScalePair(records[block].scales.y, j), fragments[j][block]);
    }
    WgmmaFence();
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) {
      const uint32_t(&a)[4] = fragments[j][block];
      WgmmaRegisters<Tile::kTokens>(acc[block], a[0], a[1], a[2], a[3], b + j * kOperandK16,
                                    accumulate || j > 0);
    }
    WgmmaCommit();
    WgmmaWait<1>();
    if (j == 1) release_previous();
  }
}

/// The same with BF16 weights in shared memory.
template <class Tile, typename Release>
__device__ inline void MultiplyBf16(uint32_t weights, uint32_t input, uint32_t consumer,
                                    bool accumulate, float (&acc)[Tile::kBlocks][Tile::kTokens / 2],
                                    const Release& release_previous) {
  constexpr uint32_t kBlockBytes = 64 * kStepCols * 2;
  const uint64_t b = SwizzledOperand(input, 16, 1024);
  WgmmaFence();
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int block = 0; block < Tile::kBlocks; ++block) {
      const uint64_t a =
          SwizzledOperand(weights + (consumer * Tile::kBlocks + block) * kBlockBytes, 16, 1024);
      WgmmaShared<Tile::kTokens>(acc[block], a + j * kOperandK16, b + j * kOperandK16,
                                 accumulate || j > 0);
    }
  }
  WgmmaCommit();
  WgmmaWait<1>();
  release_previous();
}

}  // namespace facet::cuda::sm90
