// The kernel of linear layers on few tokens. linear_decode_plan.cuh says how the work is cut;
// Stream (linear_decode_nvfp4.cuh, linear_decode_bf16.cuh) brings the weights.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_decode_plan.cuh"
#include "kernels/cuda/sm90/linear_epilogue.cuh"
#include "kernels/cuda/sm90/ptx_bulk.cuh"

namespace facet::cuda::sm90 {

/// What does not fit the dynamic part's description: barriers.
template <class Stream>
struct DecodeShared {
  typename Stream::Barriers ring;
  uint64_t input;
};

/// Zeros behind the activations' columns, up to the slice's end: what the ring holds there is not
/// defined, and weights that are not there are zeros.
template <class Stream>
__device__ inline void ClearInputTail(const DecodeArgs& args, const CtaShare& share, uint8_t* x,
                                      int stride) {
  const int first = share.chunks.begin * Stream::kChunkCols;
  const int filled = max(0, min(args.cols - first, share.chunks.size() * Stream::kChunkCols));
  const int words = (share.chunks.size() * Stream::kChunkCols - filled) / 8;
  for (int i = static_cast<int>(threadIdx.x); i < words * args.tokens; i += Stream::kWarps * 32) {
    *reinterpret_cast<uint4*>(x + i / words * stride + filled * 2 + i % words * 16) = uint4{};
  }
}

/// One warp: the slice's activations of every token.
template <class Stream>
__device__ inline void LoadInput(const DecodeArgs& args, const CtaShare& share, uint32_t x,
                                 int stride, uint32_t barrier) {
  const int lane = static_cast<int>(threadIdx.x);
  const int first = share.chunks.begin * Stream::kChunkCols;
  const int count = max(0, min(args.cols - first, share.chunks.size() * Stream::kChunkCols));
  const auto bytes = static_cast<uint32_t>(count * 2);
  if (lane == 0) MbarrierExpect(barrier, bytes * static_cast<uint32_t>(args.tokens));
  __syncwarp();
  if (bytes == 0) return;
  for (int token = lane; token < args.tokens; token += 32) {
    BulkLoad(x + static_cast<uint32_t>(token * stride), args.x + token * args.x_stride + first,
             bytes, barrier);
  }
}

/// A warp's share of the next layer's weights, into the L2 cache, piece by piece.
class NextWeights {
 public:
  static constexpr int kPieces = 4;

  __device__ NextWeights(const DecodeArgs& args, int warps) {
    if (args.prefetch_bytes == 0 || threadIdx.x % 32 != 0) return;
    const int64_t shares = int64_t{gridDim.x} * warps;
    const int64_t share = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
    const int64_t words = args.prefetch_bytes / 16;
    const int64_t begin = words * share / shares;
    left_ = static_cast<uint32_t>((words * (share + 1) / shares - begin) * 16);
    piece_ = (left_ / kPieces + 15) / 16 * 16;
    from_ = args.prefetch + begin * 16;
  }

  __device__ void Piece() { Take(min(piece_, left_)); }
  __device__ void Rest() { Take(left_); }

 private:
  __device__ void Take(uint32_t bytes) {
    if (bytes == 0) return;
    BulkPrefetch(from_, bytes);
    from_ += bytes;
    left_ -= bytes;
  }

  const uint8_t* from_ = nullptr;
  uint32_t left_ = 0;
  uint32_t piece_ = 0;
};

/// This warp's units; a partial sum per row tile goes to `sums` [warp + row tile][row][token].
template <class Stream, int kTokenTiles>
__device__ inline void Accumulate(Stream& stream, NextWeights& next, const CtaShare& share,
                                  const uint32_t (&x)[kTokenTiles], float* sums) {
  constexpr int kColumns = 8 * kTokenTiles;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const Range units = share.OfWarp(warp);
  if (units.size() == 0) return next.Rest();
  const int chunks = share.chunks.size();
  int tile = units.begin / chunks;
  int chunk = units.begin % chunks;
  float acc[2][kTokenTiles][4] = {};
  for (int unit = units.begin; unit < units.end; ++unit) {
    stream.Open();
    uint32_t at[kTokenTiles];
#pragma unroll
    for (int n = 0; n < kTokenTiles; ++n) {
      at[n] = x[n] + static_cast<uint32_t>(chunk * Stream::kChunkCols * 2);
    }
    stream.template Multiply<kTokenTiles>(share.chunks.begin + chunk, at, acc);
    stream.Close();
    if (stream.drained()) next.Piece();
    if (++chunk < chunks && unit + 1 < units.end) continue;
    float* target = sums + ((warp + tile) * kTileRows + lane / 4) * kColumns + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < kTokenTiles; ++n) {
      *reinterpret_cast<float2*>(target + 8 * n) = {acc[0][n][0] + acc[1][n][0],
                                                    acc[0][n][1] + acc[1][n][1]};
      *reinterpret_cast<float2*>(target + 8 * kColumns + 8 * n) = {acc[0][n][2] + acc[1][n][2],
                                                                   acc[0][n][3] + acc[1][n][3]};
#pragma unroll
      for (int i = 0; i < 4; ++i) acc[0][n][i] = acc[1][n][i] = 0;
    }
    chunk = 0;
    ++tile;
  }
  next.Rest();
}

/// The sum of a feature (its row in a row tile of the cluster) for a token.
template <class Stream, int kTokenTiles>
__device__ inline float SumParts(const DecodeArgs& args, const CtaShare& own, int tile, int row,
                                 int token, const float* sums) {
  constexpr int kColumns = 8 * kTokenTiles;
  float sum = 0;
  for (int rank = 0; rank < args.slices; ++rank) {
    const CtaShare share = args.slices == 1 ? own : ShareOf<Stream::kWarps>(args, rank);
    const int chunks = share.chunks.size();
    if (chunks == 0) continue;
    const int last = share.WarpOf((tile + 1) * chunks - 1);
    for (int warp = share.WarpOf(tile * chunks); warp <= last; ++warp) {
      const float* cell = sums + ((warp + tile) * kTileRows + row) * kColumns + token;
      sum +=
          args.slices == 1
              ? *cell
              : LoadClusterFloat(ClusterAddress(SharedAddress(cell), static_cast<uint32_t>(rank)));
    }
  }
  return sum;
}

__device__ inline const PartArgs& PartOf(const DecodeArgs& args, int row) {
  if (row >= args.parts[2].first) return args.parts[2];
  return row >= args.parts[1].first ? args.parts[1] : args.parts[0];
}

/// This CTA's share of its cluster's outputs.
template <class Stream, int kTokenTiles, OutForm kOutput>
__device__ inline void StoreOutputs(const DecodeArgs& args, const CtaShare& share, int rank,
                                    const float* sums) {
  constexpr bool kGateUp = kOutput == OutForm::kGateUp;
  constexpr int kFeatures = kGateUp ? kTileRows / 2 : kTileRows;
  const Range mine = EvenPart(share.tiles.size() * args.tokens, rank, args.slices);
  for (int i = static_cast<int>(threadIdx.x); i < mine.size() * kFeatures;
       i += Stream::kWarps * 32) {
    const int row = i % kFeatures;
    const int item = mine.begin + i / kFeatures;
    const int tile = item / args.tokens;
    const int token = item % args.tokens;
    const auto sum = [&](int r) {
      return SumParts<Stream, kTokenTiles>(args, share, tile, r, token, sums);
    };
    if constexpr (kGateUp) {
      const PartArgs& part = args.parts[0];
      const int feature = (share.tiles.begin + tile) * kFeatures + row;
      if (feature >= part.rows) continue;
      const float gate = part.alpha * sum(row);
      const float up = args.parts[1].alpha * sum(row + 8);
      StoreOne(part.out, token * part.stride + feature, GeluTanh(gate) * up, false);
    } else {
      const int feature = (share.tiles.begin + tile) * kFeatures + row;
      const PartArgs& part = PartOf(args, feature);
      if (feature - part.first >= part.rows) continue;
      StoreOne(part.out, token * part.stride + feature - part.first, part.alpha * sum(row),
               kOutput == OutForm::kFloat32);
    }
  }
}

template <class Stream, int kTokenTiles, OutForm kOutput>
__global__ void __launch_bounds__(Stream::kWarps * 32, Stream::kRegisterRoom)
    LinearDecodeKernel(const __grid_constant__ DecodeArgs args) {
  extern __shared__ __align__(128) uint8_t memory[];
  __shared__ DecodeShared<Stream> shared;
  const int rank = args.slices == 1 ? 0 : static_cast<int>(ClusterRank());
  const CtaShare share = ShareOf<Stream::kWarps>(args, rank);
  const DecodeLayout layout = LayoutOf(args, 0, Stream::kWarps, 8 * kTokenTiles, Stream::kChunkCols,
                                       Stream::kInputPadding, Stream::kRingBytes);
  const uint32_t input = SharedAddress(&shared.input);
  if (threadIdx.x == 0) MbarrierInit(input, 1);
  // Weights do not depend on the kernels before this one.
  Stream stream(args, share, memory, shared.ring);
  NextWeights next(args, Stream::kWarps);
  LetNextKernelStart();
  ClearInputTail<Stream>(args, share, memory + layout.x_at, layout.x_stride);
  MbarrierInitFence();
  __syncthreads();
  WaitForPreviousKernel();
  const uint32_t x = SharedAddress(memory + layout.x_at);
  if (threadIdx.x < 32) LoadInput<Stream>(args, share, x, layout.x_stride, input);
  uint32_t rows[kTokenTiles];
#pragma unroll
  for (int n = 0; n < kTokenTiles; ++n) {
    rows[n] = Stream::InputAddress(x, args.tokens, n, layout.x_stride);
  }
  MbarrierWait(input, 0);
  auto* sums = reinterpret_cast<float*>(memory + layout.sums_at);
  Accumulate<Stream, kTokenTiles>(stream, next, share, rows, sums);
  if (args.slices == 1) {
    __syncthreads();
  } else {
    ClusterSync();
  }
  StoreOutputs<Stream, kTokenTiles, kOutput>(args, share, rank, sums);
  if (args.slices > 1) ClusterSync();  // others have read this CTA's sums
}

}  // namespace facet::cuda::sm90
