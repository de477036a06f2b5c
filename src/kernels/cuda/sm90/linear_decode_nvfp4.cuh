// A warp's part of a packed NVFP4 weight: chunks of records through a ring in shared memory
// that the copy engine fills, decoded in registers.
#pragma once

#include <cstdint>

#include "kernels/cuda/nvfp4_decode.cuh"
#include "kernels/cuda/sm90/linear_decode_plan.cuh"
#include "kernels/cuda/sm90/ptx_bulk.cuh"

namespace facet::cuda::sm90 {

/// kCtas on a multiprocessor; registers are limited as if there were kRoom.
template <int kWarpCount, int kStageCount, int kCtas, int kRoom = kCtas, int kChunkRecords = 4>
class Nvfp4Stream {
 public:
  static constexpr int kWarps = kWarpCount;
  static constexpr int kStages = kStageCount;
  static constexpr int kCtasPerProcessor = kCtas;
  static constexpr int kRegisterRoom = kRoom;
  static constexpr int kRecords = kChunkRecords;
  static constexpr int kChunkCols = kRecords * static_cast<int>(kPackCols);
  static constexpr int kInputPadding = 16;  // ldmatrix: eight tokens' rows in distinct banks
  static constexpr uint32_t kRecordBytes = static_cast<uint32_t>(kPackRecordBytes);
  static constexpr uint32_t kStageBytes = kRecords * kRecordBytes;
  static constexpr int kRingBytes = kWarps * kStages * static_cast<int>(kStageBytes);

  struct Barriers {
    uint64_t full[kWarps][kStages];
  };

  /// Starts the copies of the first chunks; `ring` is the CTA's.
  __device__ Nvfp4Stream(const DecodeArgs& args, const CtaShare& share, uint8_t* ring,
                         Barriers& barriers)
      : warp_(static_cast<int>(threadIdx.x) / 32),
        lane_(static_cast<int>(threadIdx.x) % 32),
        col_tiles_((args.cols + static_cast<int>(kPackCols) - 1) / static_cast<int>(kPackCols)),
        ring_(SharedAddress(ring) + static_cast<uint32_t>(warp_ * kStages) * kStageBytes),
        barriers_(SharedAddress(barriers.full[warp_])),
        policy_(EvictFirstPolicy()),
        chunks_(share.chunks) {
    const Range units = share.OfWarp(warp_);
    left_ = units.size();
    if (lane_ == 0) {
      for (int i = 0; i < kStages; ++i) MbarrierInit(barriers_ + 8 * i, 1);
      MbarrierInitFence();
    }
    __syncwarp();
    if (left_ == 0) return;
    chunk_ = chunks_.begin + units.begin % chunks_.size();
    row_tile_ = args.weights + int64_t{share.tiles.begin + units.begin / chunks_.size()} *
                                   col_tiles_ * kRecordBytes;
    for (int i = 0; i < kStages; ++i) Issue(static_cast<uint32_t>(i));
  }

  /// Waits for the next chunk.
  __device__ __forceinline__ void Open() const { MbarrierWait(barriers_ + 8 * stage_, parity_); }

  /// The chunk is done with: its place in the ring is filled again.
  __device__ __forceinline__ void Close() {
    __syncwarp();
    Issue(stage_);
    if (++stage_ == kStages) {
      stage_ = 0;
      parity_ ^= 1;
    }
  }

  /// Whether all chunks have been asked for.
  __device__ bool drained() const { return left_ == 0; }

  /// sums += chunk x activations, which begin at x[n] for this lane (InputAddress). `chunk` is its
  /// place in the row tile.
  template <int kTokenTiles>
  __device__ __forceinline__ void Multiply(int chunk, const uint32_t (&x)[kTokenTiles],
                                           float (&sums)[2][kTokenTiles][4]) const {
    const uint32_t from = ring_ + stage_ * kStageBytes;
    const int records = col_tiles_ - chunk * kRecords;
    if (records >= kRecords) {
#pragma unroll
      for (int i = 0; i < kRecords; ++i) MultiplyRecord<kTokenTiles>(from, i, x, sums);
    } else {
      for (int i = 0; i < records; ++i) MultiplyRecord<kTokenTiles>(from, i, x, sums);
    }
  }

  /// Where this lane reads the activations of eight tokens, rows of `stride` bytes at `x`. Columns
  /// of the product without a token repeat another's; nobody looks at their sums.
  static __device__ __forceinline__ uint32_t InputAddress(uint32_t x, int tokens, int tile,
                                                          int stride) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int token = min(8 * tile + lane % 8, tokens - 1);
    return x + static_cast<uint32_t>(token * stride + lane / 8 * 16);
  }

 private:
  template <int kTokenTiles>
  __device__ __forceinline__ void MultiplyRecord(uint32_t from, int index,
                                                 const uint32_t (&x)[kTokenTiles],
                                                 float (&sums)[2][kTokenTiles][4]) const {
    const uint32_t record = from + static_cast<uint32_t>(index) * kRecordBytes;
    const auto lane = static_cast<uint32_t>(lane_);
    const uint4 codes = LoadShared16(record + 16 * lane);
    const uint2 scales = LoadShared8(record + static_cast<uint32_t>(kPackCodeBytes) + lane / 4 * 8);
    const uint32_t words[4] = {codes.x, codes.y, codes.z, codes.w};
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
      uint32_t b[kTokenTiles][4];
#pragma unroll
      for (int n = 0; n < kTokenTiles; ++n) {
        LoadMatrix4(b[n], x[n] + static_cast<uint32_t>(index * 128 + pair * 64));
      }
#pragma unroll
      for (int step = 0; step < 2; ++step) {
        const int j = 2 * pair + step;
        uint32_t a[4];
        DecodeFragment(words[j], ScalePair(scales.x, j), ScalePair(scales.y, j), a);
#pragma unroll
        for (int n = 0; n < kTokenTiles; ++n) {
          Mma(sums[step][n], a, b[n][2 * step], b[n][2 * step + 1]);
        }
      }
    }
  }

  __device__ __forceinline__ void Issue(uint32_t stage) {
    if (left_ == 0) return;
    const int first = chunk_ * kRecords;
    const uint32_t bytes = static_cast<uint32_t>(min(kRecords, col_tiles_ - first)) * kRecordBytes;
    if (lane_ == 0) {
      MbarrierExpect(barriers_ + 8 * stage, bytes);
      BulkLoad(ring_ + stage * kStageBytes, row_tile_ + first * static_cast<int>(kRecordBytes),
               bytes, barriers_ + 8 * stage, policy_);
    }
    --left_;
    if (++chunk_ == chunks_.end) {
      chunk_ = chunks_.begin;
      row_tile_ += col_tiles_ * static_cast<int>(kRecordBytes);
    }
  }

  const int warp_;
  const int lane_;
  const int col_tiles_;
  const uint32_t ring_;
  const uint32_t barriers_;
  const uint64_t policy_;
  const Range chunks_;
  // What is read next.
  uint32_t stage_ = 0;
  uint32_t parity_ = 0;
  // What is copied next.
  int left_ = 0;
  int chunk_ = 0;
  const uint8_t* row_tile_ = nullptr;
};

}  // namespace facet::cuda::sm90
