// A warp's part of a row-major BF16 weight: from device memory into registers, one chunk ahead.
//
// A lane (g, t) reads 16 bytes of rows g and g + 8, columns 8 t .. 8 t + 7 of 32: as matrix
// fragments these are two steps of 16 columns in an order of their own, and the activations are
// read in the same order.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_decode_plan.cuh"
#include "kernels/cuda/sm90/ptx_bulk.cuh"

namespace facet::cuda::sm90 {

template <int kWarpCount, int kCtas>
class Bf16Stream {
 public:
  static constexpr int kWarps = kWarpCount;
  static constexpr int kCtasPerProcessor = kCtas;
  static constexpr int kRegisterRoom = kCtas;
  static constexpr int kSpans = 4;  ///< of 32 columns
  static constexpr int kChunkCols = kSpans * 32;
  static constexpr int kInputPadding = 64;  ///< two tokens' 64 bytes in distinct banks
  static constexpr int kRingBytes = 0;

  struct Barriers {};

  __device__ Bf16Stream(const DecodeArgs& args, const CtaShare& share, uint8_t*, Barriers&)
      : weights_(args.weights), cols_(args.cols), rows_(args.rows), chunks_(share.chunks) {
    const Range units = share.OfWarp(static_cast<int>(threadIdx.x) / 32);
    left_ = units.size();
    if (left_ == 0) return;
    chunk_ = chunks_.begin + units.begin % chunks_.size();
    row_ = (share.tiles.begin + units.begin / chunks_.size()) * kTileRows +
           static_cast<int>(threadIdx.x) % 32 / 4;
    Load();
  }

  /// The next chunk; the one after it is asked for.
  __device__ __forceinline__ void Open() {
    now_ = next_;
    Load();
  }
  __device__ __forceinline__ void Close() {}

  __device__ bool drained() const { return left_ == 0; }

  template <int kTokenTiles>
  __device__ __forceinline__ void Multiply(int, const uint32_t (&x)[kTokenTiles],
                                           float (&sums)[2][kTokenTiles][4]) const {
#pragma unroll
    for (int i = 0; i < kSpans; ++i) {
      const uint4 upper = now_.upper[i];
      const uint4 lower = now_.lower[i];
      const uint32_t first[4] = {upper.x, lower.x, upper.y, lower.y};
      const uint32_t second[4] = {upper.z, lower.z, upper.w, lower.w};
#pragma unroll
      for (int n = 0; n < kTokenTiles; ++n) {
        const uint4 b = LoadShared16(x[n] + static_cast<uint32_t>(i * 64));
        Mma(sums[0][n], first, b.x, b.y);
        Mma(sums[1][n], second, b.z, b.w);
      }
    }
  }

  /// As Nvfp4Stream's.
  static __device__ __forceinline__ uint32_t InputAddress(uint32_t x, int tokens, int tile,
                                                          int stride) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int token = min(8 * tile + lane / 4, tokens - 1);
    return x + static_cast<uint32_t>(token * stride + lane % 4 * 16);
  }

 private:
  /// In registers: of rows g and g + 8.
  struct Chunk {
    uint4 upper[kSpans];
    uint4 lower[kSpans];
  };

  /// Zeros where the weight ends. Columns end at a multiple of 8.
  __device__ __forceinline__ void Load() {
    if (left_ == 0) return;
    const int first = chunk_ * kChunkCols + static_cast<int>(threadIdx.x) % 4 * 8;
    const uint8_t* upper = weights_ + (int64_t{row_} * cols_ + first) * 2;
    const uint8_t* lower = upper + int64_t{8} * cols_ * 2;
#pragma unroll
    for (int i = 0; i < kSpans; ++i) {
      const bool there = first + 32 * i < cols_;
      next_.upper[i] = there && row_ < rows_ ? LoadStreamed16(upper + 64 * i) : uint4{};
      next_.lower[i] = there && row_ + 8 < rows_ ? LoadStreamed16(lower + 64 * i) : uint4{};
    }
    --left_;
    if (++chunk_ == chunks_.end) {
      chunk_ = chunks_.begin;
      row_ += kTileRows;
    }
  }

  const uint8_t* const weights_;
  const int cols_;
  const int rows_;
  const Range chunks_;
  Chunk now_;
  Chunk next_;
  int left_ = 0;
  int chunk_ = 0;
  int row_ = 0;
};

}  // namespace facet::cuda::sm90
