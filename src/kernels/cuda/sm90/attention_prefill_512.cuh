// Prefill attention for heads of 512: flash attention on warpgroup products, with roles.
//
// The output of 64 rows (64 x 512 float32) is half of a multiprocessor's registers, so a block has
// 64 rows: one warpgroup computes scores and probabilities, two more hold 256 output columns each,
// one feeds. Probabilities go through shared memory, where both output warpgroups read them;
// computing the scores twice instead would cost half as many products again. Three quarters of the
// query are kept in registers: the products with keys then read only the keys from shared memory,
// whose bandwidth is the limit here (every key and value is used for 64 rows only).
//
// Keys and values pass through a ring of slots: K0 V0 K1 V1 ... Sharing their loads in clusters of
// two or four blocks was slower (338 and 239 TFLOP/s instead of 501): what it saves, the L2 cache
// has, and the blocks of a cluster wait for each other.
#pragma once

#include "kernels/cuda/sm90/attention_prefill.cuh"

namespace facet::cuda {

struct Prefill512 {
  static constexpr int kHeadDim = 512;
  static constexpr int kSlabs = kHeadDim / 64;
  static constexpr int kTile = 64;
  static constexpr int kHalf = kTile / 2;  ///< positions of one score product and softmax
  static constexpr int kRows = 64;
  static constexpr int kThreads = 4 * kWarpgroup;
  static constexpr int kTileBytes = kTile * kHeadDim * 2;
  static constexpr int kSlots = 3;
  static constexpr int kRegisterSlabs = 6;  ///< of the query
  static constexpr int kQueryBytes = (kSlabs - kRegisterSlabs) * kRows * 128;
  static constexpr int kWeightsBytes = kRows * kTile * 2;
  static constexpr int kBarriersAt =
      kSlots * kTileBytes + kQueryBytes + 2 * kWeightsBytes + 5 * kRows * 4;
  static constexpr int kSharedBytes = 1024 + kBarriersAt + 128;

  TileRing<kSlots, kTileBytes> ring;
  uint8_t* query;    ///< the last slabs
  uint8_t* weights;  ///< two buffers of probabilities, BF16, swizzled
  float* scale;      ///< four buffers of [kRows]: what the output is multiplied by before a half
  float* sum;        ///< [kRows], at the end
  uint64_t* weights_full;
  uint64_t* weights_empty;
  uint64_t* sum_full;

  /// `shared` begins at a multiple of 1024 bytes.
  __device__ explicit Prefill512(uint8_t* shared)
      : ring(shared, shared + kBarriersAt),
        query(shared + kSlots * kTileBytes),
        weights(query + kQueryBytes),
        scale(reinterpret_cast<float*>(weights + 2 * kWeightsBytes)),
        sum(scale + 4 * kRows),
        weights_full(ring.empty + kSlots),
        weights_empty(weights_full + 4),
        sum_full(weights_empty + 4) {}

  __device__ void InitBarriers() const {
    ring.InitBarriers(8);
    for (int i = 0; i < 4; ++i) {
      MbarrierInit(weights_full + i, 4);
      MbarrierInit(weights_empty + i, 8);
    }
    MbarrierInit(sum_full, 4);
    MbarrierInitFence();
  }

  /// Keys have four warps of readers, values eight: a reader of keys counts twice.
  __device__ void ReleaseKeys(int item) const { ring.Release(item, 2); }

  __device__ void Feed(const PrefillSequence& sequence, const KeyTiles<kTile>& tiles,
                       int kv_head) const {
    for (int j = 0; j < tiles.count; ++j) {
      ring.Load(2 * j, &sequence.keys, tiles[j].row, kv_head);
      ring.Load(2 * j + 1, &sequence.values, tiles[j].row, kv_head);
    }
  }

  /// The last slabs of the query, swizzled; rows of no token are zero. The scoring warpgroup.
  template <typename Query>
  __device__ void LoadQueryTail(const Query* rows, int valid_rows, int group,
                                int64_t token_stride) const {
    constexpr int kChunks = (kSlabs - kRegisterSlabs) * 8;
    const int thread = static_cast<int>(threadIdx.x) % kWarpgroup;
    for (int i = thread; i < kRows * kChunks; i += kWarpgroup) {
      const int row = i / kChunks;
      const int chunk = i % kChunks;
      uint4 packed{0, 0, 0, 0};
      if (row < valid_rows) {
        packed = LoadBf16x8(rows + row / group * token_stride + row % group * kHeadDim +
                            kRegisterSlabs * 64 + chunk * 8);
      }
      *reinterpret_cast<uint4*>(query + chunk / 8 * kRows * 128 + row * 128 +
                                ((chunk % 8) ^ (row % 8)) * 16) = packed;
    }
    FenceProxyAsync();
    NamedBarrierSync(1, kWarpgroup);
  }

  /// The scoring warpgroup: S = Q K^T, softmax, probabilities and scales to the others.
  template <typename Query>
  __device__ __forceinline__ void Score(const PrefillParams& params,
                                        const PrefillSequence& sequence,
                                        const KeyTiles<kTile>& tiles, const BlockSpan& span,
                                        const Query* rows, int first, int valid_rows,
                                        int64_t token_stride) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int warp = static_cast<int>(threadIdx.x) % kWarpgroup / 32;
    const int my_row = warp * 16 + lane / 4;
    LoadQueryTail(rows, valid_rows, params.group, token_stride);

    uint32_t fragments[kRegisterSlabs * 16];
    Interval seen[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = my_row + 8 * r;
      const bool valid = row < valid_rows;
      const Query* source =
          rows + row / params.group * token_stride + row % params.group * kHeadDim + lane % 4 * 2;
#pragma unroll
      for (int k = 0; k < kRegisterSlabs * 4; ++k) {
        fragments[4 * k + r] = valid ? LoadBf16x2(source + 16 * k) : 0;
        fragments[4 * k + 2 + r] = valid ? LoadBf16x2(source + 16 * k + 8) : 0;
      }
      if (valid) {
        seen[r] = VisibleTo(first + row / params.group, sequence.first_position, params.window,
                            sequence.visible_end);
      }
    }

    RowPair state;
    float left[kHalf / 2];
    float right[kHalf / 2];
    const auto issue = [&](float(&scores)[kHalf / 2], int item, int half) {
      const uint64_t keys =
          SwizzledOperand(SharedAddress(ring.Slot(item)) + half * kHalf * 128, 16, 1024);
      const uint64_t query_operand = SwizzledOperand(SharedAddress(query), 16, 1024);
      PinRegisters(scores);
      WgmmaFence();
#pragma unroll
      for (int k = 0; k < kRegisterSlabs * 4; ++k) {
        WgmmaRegisters<kHalf>(scores, fragments[4 * k], fragments[4 * k + 1], fragments[4 * k + 2],
                              fragments[4 * k + 3], keys + (k / 4 * kTile * 128 + k % 4 * 32) / 16,
                              k > 0);
      }
#pragma unroll
      for (int k = 0; k < (kSlabs - kRegisterSlabs) * 4; ++k) {
        WgmmaShared<kHalf>(scores, query_operand + (k / 4 * kRows * 128 + k % 4 * 32) / 16,
                           keys + ((kRegisterSlabs + k / 4) * kTile * 128 + k % 4 * 32) / 16, 1);
      }
      WgmmaCommit();
    };
    const auto finish = [&](float(&scores)[kHalf / 2], int j, int half) {
      KeyTile tile = tiles[j];
      tile.position += half * kHalf;
      tile.count -= half * kHalf;
      if (tile.position < span.all_begin || tile.position + kHalf > span.all_end ||
          tile.count < kHalf) {
        MaskScores(scores, tile, seen);
      }
      float factor[2];
      OnlineSoftmax(scores, state, factor);
      const int buffer = j % 2 * 2 + half;
      MbarrierWait(weights_empty + buffer, (j / 2 & 1) ^ 1);
      if (lane % 4 == 0) {
        scale[buffer * kRows + my_row] = factor[0];
        scale[buffer * kRows + my_row + 8] = factor[1];
      }
      StoreWeights(scores, buffer, warp, lane);
      FenceProxyAsync();
      __syncwarp();
      if (lane == 0) MbarrierArrive(weights_full + buffer);
    };

    // One half's product is always under way while the other half's softmax runs.
    if (tiles.count > 0) {
      ring.WaitFull(0);
      issue(left, 0, 0);
      WgmmaWait<0>();
      PinRegisters(left);
      for (int j = 0; j + 1 < tiles.count; ++j) {
        issue(right, 2 * j, 1);
        finish(left, j, 0);
        WgmmaWait<0>();
        PinRegisters(right);
        ReleaseKeys(2 * j);
        ring.WaitFull(2 * j + 2);
        issue(left, 2 * j + 2, 0);
        finish(right, j, 1);
        WgmmaWait<0>();
        PinRegisters(left);
      }
      const int last = tiles.count - 1;
      issue(right, 2 * last, 1);
      finish(left, last, 0);
      WgmmaWait<0>();
      PinRegisters(right);
      ReleaseKeys(2 * last);
      finish(right, last, 1);
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float total = QuadSum(state.sum[r]);
      if (lane % 4 == 0) sum[my_row + 8 * r] = total;
    }
    __syncwarp();
    if (lane == 0) MbarrierArrive(sum_full);
  }

  /// Probabilities as the A operand of the second product: row m's 64 columns are its 128 bytes.
  /// Buffers 2 b and 2 b + 1 are the halves of the same rows.
  __device__ __forceinline__ void StoreWeights(const float (&scores)[kHalf / 2], int buffer,
                                               int warp, int lane) const {
    const int row = warp * 16 + lane % 16;
    const uint32_t base = SharedAddress(weights) + buffer / 2 * kWeightsBytes + row * 128;
#pragma unroll
    for (int k = 0; k < kHalf / 16; ++k) {
      const float* s = scores + 8 * k;
      const int chunk = buffer % 2 * (kHalf / 8) + 2 * k + lane / 16;
      StoreMatrix4(base + (chunk ^ (row % 8)) * 16, PackBf16(s[0], s[1]), PackBf16(s[2], s[3]),
                   PackBf16(s[4], s[5]), PackBf16(s[6], s[7]));
    }
  }

  /// An output warpgroup: its 256 columns of P V.
  __device__ __forceinline__ void Accumulate(const KeyTiles<kTile>& tiles, int half,
                                             float (&left)[64], float (&right)[64]) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int my_row = static_cast<int>(threadIdx.x) % kWarpgroup / 32 * 16 + lane / 4;
    for (int j = 0; j < tiles.count; ++j) {
      const int item = 2 * j + 1;
      uint8_t* my_columns = ring.Slot(item) + half * (kTileBytes / 2);
      const uint64_t values = SwizzledOperand(SharedAddress(my_columns), kTile * 128, 1024);
      const uint64_t p = SwizzledOperand(SharedAddress(weights) + j % 2 * kWeightsBytes, 16, 1024);
#pragma unroll
      for (int part = 0; part < 2; ++part) {
        const int buffer = j % 2 * 2 + part;
        MbarrierWait(weights_full + buffer, j / 2 & 1);
        const float low = scale[buffer * kRows + my_row];
        const float high = scale[buffer * kRows + my_row + 8];
        if (__any_sync(0xFFFFFFFFU, low != 1.0F || high != 1.0F)) {
#pragma unroll
          for (int i = 0; i < 64; ++i) {
            left[i] *= i / 2 % 2 == 0 ? low : high;
            right[i] *= i / 2 % 2 == 0 ? low : high;
          }
        }
        if (part == 0) {
          ring.WaitFull(item);
          const int count = tiles[j].count;
          if (count < kTile) ZeroRowsFrom<kTile, kSlabs / 2>(my_columns, count, 2 + half);
        }
        PinRegisters(left);
        PinRegisters(right);
        WgmmaFence();
#pragma unroll
        for (int k = part * (kHalf / 16); k < (part + 1) * (kHalf / 16); ++k) {
          WgmmaShared<128, 1>(left, p + k * 2, values + k * 2048 / 16, 1);
          WgmmaShared<128, 1>(right, p + k * 2, values + (2 * kTile * 128 + k * 2048) / 16, 1);
        }
        WgmmaCommit();
        WgmmaWait<0>();
        PinRegisters(left);
        PinRegisters(right);
        if (lane == 0) MbarrierArrive(weights_empty + buffer);
      }
      ring.Release(item);
    }
  }
};

template <typename Query, typename Out>
__global__ void __launch_bounds__(Prefill512::kThreads, 1)
    Prefill512Kernel(const __grid_constant__ PrefillParams params) {
  using Kernel = Prefill512;
  constexpr int kHeadDim = Kernel::kHeadDim;
  extern __shared__ uint8_t shared[];
  const Kernel kernel(AlignedTo1024(shared));
  const int role = static_cast<int>(threadIdx.x) / kWarpgroup;

  // Long rows first: the last block to start should not be the longest.
  const int block = static_cast<int>(gridDim.x - 1 - blockIdx.x);
  const int kv_head = static_cast<int>(blockIdx.y);
  const PrefillSequence& sequence = params.sequence[SequenceOfBlock(params, block)];
  const int block_tokens = Kernel::kRows / params.group;
  const int first = (block - sequence.first_block) * block_tokens;
  const int tokens = min(block_tokens, sequence.rows - first);

  if (threadIdx.x == 0) kernel.InitBarriers();
  __syncthreads();
  WaitForPreviousKernel();
  LetNextKernelStart();
  const BlockSpan span = SpanOf(sequence, params.window, first, tokens);
  const KeyTiles<Kernel::kTile> tiles(span.lo, span.hi, sequence.capacity);

  const int64_t token_stride = static_cast<int64_t>(params.heads) * kHeadDim;
  const int64_t origin = (sequence.first_row + first) * token_stride +
                         static_cast<int64_t>(kv_head) * params.group * kHeadDim;
  const int valid_rows = tokens * params.group;

  if (role == 0) {
    DecreaseRegisters<24>();
    if (threadIdx.x == 0) kernel.Feed(sequence, tiles, kv_head);
  } else if (role == 1) {
    IncreaseRegisters<168>();
    kernel.Score(params, sequence, tiles, span, static_cast<const Query*>(params.query) + origin,
                 first, valid_rows, token_stride);
  } else {
    IncreaseRegisters<160>();
    float left[64];
    float right[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) left[i] = right[i] = 0;
    kernel.Accumulate(tiles, role - 2, left, right);
    MbarrierWait(kernel.sum_full, 0);

    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int my_row = static_cast<int>(threadIdx.x) % kWarpgroup / 32 * 16 + lane / 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = my_row + 8 * r;
      if (row >= valid_rows) continue;
      const float inverse = kernel.sum[row] == 0 ? 0.0F : 1.0F / kernel.sum[row];
      Out* target = static_cast<Out*>(params.out) + origin + row / params.group * token_stride +
                    row % params.group * kHeadDim + (role - 2) * 256 + lane % 4 * 2;
#pragma unroll
      for (int i = 0; i < 16; ++i) {
        const int at = 4 * i + 2 * r;
        StorePair(target + 8 * i, left[at] * inverse, left[at + 1] * inverse);
        StorePair(target + 128 + 8 * i, right[at] * inverse, right[at + 1] * inverse);
      }
    }
  }
}

}  // namespace facet::cuda
