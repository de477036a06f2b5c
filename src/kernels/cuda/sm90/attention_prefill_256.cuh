// Prefill attention for heads of 256: flash attention on warpgroup products.
//
// A block has 128 query rows: two warpgroups of 64, whose output stays in registers (64 x 256), and
// one that feeds them. Keys and values pass through a ring of slots in the order in which they are
// used: K0 K1 V0 K2 V1 ... Each warpgroup issues the product with the next keys, then the one with
// the last values, and does the softmax of the former while the latter runs.
#pragma once

#include "kernels/cuda/sm90/attention_prefill.cuh"

namespace facet::cuda {

template <int kTile>
struct Prefill256 {
  static constexpr int kHeadDim = 256;
  static constexpr int kSlabs = kHeadDim / 64;
  static constexpr int kRows = 128;
  static constexpr int kThreads = 3 * kWarpgroup;
  static constexpr int kTileBytes = kTile * kHeadDim * 2;
  static constexpr int kQueryBytes = kRows * kHeadDim * 2;
  static constexpr int kSlots = (230 * 1024 - 2048 - kQueryBytes) / kTileBytes;
  static constexpr int kSharedBytes = 1024 + kQueryBytes + kSlots * kTileBytes + 256;

  static __device__ __forceinline__ int KeyItem(int j) { return j == 0 ? 0 : 2 * j - 1; }
  static __device__ __forceinline__ int ValueItem(int j, int tiles) {
    return j == tiles - 1 ? 2 * tiles - 1 : 2 * j + 2;
  }

  uint8_t* query;
  TileRing<kSlots, kTileBytes> ring;

  /// `shared` begins at a multiple of 1024 bytes.
  __device__ explicit Prefill256(uint8_t* shared)
      : query(shared), ring(shared + kQueryBytes, shared + kQueryBytes + kSlots * kTileBytes) {}

  /// The feeding thread.
  __device__ void Feed(const PrefillSequence& sequence, const KeyTiles<kTile>& tiles,
                       int kv_head) const {
    for (int j = 0; j < tiles.count; ++j) {
      ring.Load(KeyItem(j), &sequence.keys, tiles[j].row, kv_head);
      if (j > 0)
        ring.Load(ValueItem(j - 1, tiles.count), &sequence.values, tiles[j - 1].row, kv_head);
    }
    const int last = tiles.count - 1;
    ring.Load(ValueItem(last, tiles.count), &sequence.values, tiles[last].row, kv_head);
  }

  /// A warpgroup's 64 rows of the query, swizzled; rows of no token are zero.
  template <typename Query>
  __device__ void LoadQuery(const Query* rows, int valid_rows, int group, int64_t token_stride,
                            int warpgroup) const {
    const int thread = static_cast<int>(threadIdx.x) % kWarpgroup;
#pragma unroll 4
    for (int i = thread; i < 64 * kHeadDim / 8; i += kWarpgroup) {
      const int row = warpgroup * 64 + i / (kHeadDim / 8);
      const int chunk = i % (kHeadDim / 8);
      uint4 packed{0, 0, 0, 0};
      if (row < valid_rows) {
        packed = LoadBf16x8(rows + row / group * token_stride + row % group * kHeadDim + chunk * 8);
      }
      *reinterpret_cast<uint4*>(query + chunk / 8 * kRows * 128 + row * 128 +
                                ((chunk % 8) ^ (row % 8)) * 16) = packed;
    }
    FenceProxyAsync();
    NamedBarrierSync(1 + warpgroup, kWarpgroup);
  }

  __device__ __forceinline__ void IssueScores(float (&scores)[kTile / 2], uint64_t query_operand,
                                              int item) const {
    ring.WaitFull(item);
    const uint64_t keys = SwizzledOperand(SharedAddress(ring.Slot(item)), 16, 1024);
    WgmmaFence();
#pragma unroll
    for (int k = 0; k < kHeadDim / 16; ++k) {
      WgmmaShared<kTile>(scores, query_operand + (k / 4 * kRows * 128 + k % 4 * 32) / 16,
                         keys + (k / 4 * kTile * 128 + k % 4 * 32) / 16, k > 0);
    }
    WgmmaCommit();
  }

  __device__ __forceinline__ void IssueOutput(float (&out)[kHeadDim / 2],
                                              const uint32_t (&weights)[kTile / 4], int item,
                                              int count, int warpgroup) const {
    ring.WaitFull(item);
    if (count < kTile) ZeroRowsFrom<kTile, kSlabs>(ring.Slot(item), count, 1 + warpgroup);
    const uint64_t values = SwizzledOperand(SharedAddress(ring.Slot(item)), kTile * 128, 1024);
    WgmmaFence();
#pragma unroll
    for (int k = 0; k < kTile / 16; ++k) {
      WgmmaRegisters<kHeadDim, 1>(out, weights[4 * k], weights[4 * k + 1], weights[4 * k + 2],
                                  weights[4 * k + 3], values + k * 2048 / 16, 1);
    }
    WgmmaCommit();
  }
};

template <int kTile, typename Query, typename Out>
__global__ void __launch_bounds__(Prefill256<kTile>::kThreads, 1)
    Prefill256Kernel(const __grid_constant__ PrefillParams params) {
  using Kernel = Prefill256<kTile>;
  extern __shared__ uint8_t shared[];
  const Kernel kernel(AlignedTo1024(shared));
  const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroup - 1;  // -1 feeds

  // Long rows first: the last block to start should not be the longest.
  const int block = static_cast<int>(gridDim.x - 1 - blockIdx.x);
  const int kv_head = static_cast<int>(blockIdx.y);
  const PrefillSequence& sequence = params.sequence[SequenceOfBlock(params, block)];
  const int block_tokens = Kernel::kRows / params.group;
  const int first = (block - sequence.first_block) * block_tokens;
  const int tokens = min(block_tokens, sequence.rows - first);

  if (threadIdx.x == 0) {
    kernel.ring.InitBarriers(8);
    MbarrierInitFence();
  }
  __syncthreads();
  WaitForPreviousKernel();
  LetNextKernelStart();
  const BlockSpan span = SpanOf(sequence, params.window, first, tokens);
  const KeyTiles<kTile> tiles(span.lo, span.hi, sequence.capacity);

  if (warpgroup < 0) {
    DecreaseRegisters<24>();
    if (threadIdx.x == 0 && tiles.count > 0) kernel.Feed(sequence, tiles, kv_head);
    return;
  }
  IncreaseRegisters<240>();

  const int64_t token_stride = static_cast<int64_t>(params.heads) * Kernel::kHeadDim;
  const int64_t origin = (sequence.first_row + first) * token_stride +
                         static_cast<int64_t>(kv_head) * params.group * Kernel::kHeadDim;
  const int valid_rows = tokens * params.group;
  kernel.LoadQuery(static_cast<const Query*>(params.query) + origin, valid_rows, params.group,
                   token_stride, warpgroup);
  const uint64_t query_operand =
      SwizzledOperand(SharedAddress(kernel.query) + warpgroup * 64 * 128, 16, 1024);

  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int my_row =
      warpgroup * 64 + static_cast<int>(threadIdx.x) % kWarpgroup / 32 * 16 + lane / 4;
  Interval seen[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = my_row + 8 * r;
    if (row < valid_rows) {
      seen[r] = VisibleTo(first + row / params.group, sequence.first_position, params.window,
                          sequence.visible_end);
    }
  }

  float out[Kernel::kHeadDim / 2];
#pragma unroll
  for (float& value : out) value = 0;
  RowPair rows;
  if (tiles.count > 0) {
    float scores[kTile / 2];
    uint32_t weights[kTile / 4];
    float scale[2];
    const auto softmax = [&](int j) {
      const KeyTile tile = tiles[j];
      if (tile.position < span.all_begin || tile.position + kTile > span.all_end ||
          tile.count < kTile) {
        MaskScores(scores, tile, seen);
      }
      OnlineSoftmax(scores, rows, scale);
    };
    const auto pack = [&] {
#pragma unroll
      for (int i = 0; i < kTile / 4; ++i) weights[i] = PackBf16(scores[2 * i], scores[2 * i + 1]);
    };

    kernel.IssueScores(scores, query_operand, Kernel::KeyItem(0));
    WgmmaWait<0>();
    PinRegisters(scores);
    kernel.ring.Release(Kernel::KeyItem(0));
    softmax(0);
    pack();
    for (int j = 1; j < tiles.count; ++j) {
      const int value_item = Kernel::ValueItem(j - 1, tiles.count);
      PinRegisters(scores);
      kernel.IssueScores(scores, query_operand, Kernel::KeyItem(j));
      PinRegisters(out);
      kernel.IssueOutput(out, weights, value_item, tiles[j - 1].count, warpgroup);
      WgmmaWait<1>();
      PinRegisters(scores);
      kernel.ring.Release(Kernel::KeyItem(j));
      softmax(j);
      WgmmaWait<0>();
      PinRegisters(out);
      kernel.ring.Release(value_item);
#pragma unroll
      for (int i = 0; i < Kernel::kHeadDim / 2; ++i) out[i] *= scale[i / 2 % 2];
      pack();
    }
    const int last = tiles.count - 1;
    PinRegisters(out);
    kernel.IssueOutput(out, weights, Kernel::ValueItem(last, tiles.count), tiles[last].count,
                       warpgroup);
    WgmmaWait<0>();
    PinRegisters(out);
  }

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = my_row + 8 * r;
    const float sum = QuadSum(rows.sum[r]);
    const float inverse = sum == 0 ? 0.0F : 1.0F / sum;
    if (row >= valid_rows) continue;
    Out* target = static_cast<Out*>(params.out) + origin + row / params.group * token_stride +
                  row % params.group * Kernel::kHeadDim + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < Kernel::kHeadDim / 8; ++i) {
      StorePair(target + 8 * i, out[4 * i + 2 * r] * inverse, out[4 * i + 2 * r + 1] * inverse);
    }
  }
}

}  // namespace facet::cuda
