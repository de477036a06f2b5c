// Decode attention: few query rows a sequence, the cache split over the chip.
//
// A block streams its items' keys and values through a ring of shared-memory stages: four warps
// copy and run ahead over item borders (one bulk copy a cache row instead, from one warp, took 48
// ns a row and was the limit), eight warps compute. For a tile of positions each of the eight
// computes a share of the scores (16 rows x 8 positions, over all or half of the dims), all
// exchange them, repeat the softmax for themselves, and add the tile's values into their own output
// columns. Items leave unnormalized outputs with their maximum and sum.
//
// Rows of earlier steps are asked for before the kernel before this one has ended: they wait for
// nothing that it writes.
#pragma once

#include "kernels/cuda/attention_decode_items.cuh"

namespace facet::cuda {

inline constexpr int kComputeWarps = 8;
inline constexpr int kCopyThreads = 128;
inline constexpr int kComputeThreads = kComputeWarps * 32;
inline constexpr int kThreads = kComputeThreads + kCopyThreads;
inline constexpr int kPad =
    16;  ///< bytes between cache rows in shared memory, against bank conflicts

/// What the computing warps need to know of an item, beside its query rows.
struct ItemFacts {
  int begin;
  int end;
  int valid_rows;
  int first_token;  ///< of its sequence's rows
  int first_position;
  const int64_t* visible_end;
};

template <int kHeadDim>
struct Decode {
  static constexpr int kTile = kHeadDim == 512 ? 32 : 64;  ///< positions of a stage
  static constexpr int kScoreGroups = kTile / 8;
  static constexpr int kDimShares = kComputeWarps / kScoreGroups;
  static constexpr int kScoreSteps = kHeadDim / kDimShares / 16;
  static constexpr int kWarpDims = kHeadDim / kComputeWarps;  ///< output columns of a warp
  static constexpr int kRowBytes = kHeadDim * 2 + kPad;
  static constexpr int kTileBytes = kTile * kRowBytes;
  static constexpr int kStages = 3;
  static constexpr int kItems = kHeadDim == 512 ? 1 : 2;  ///< whose query rows are held: what fits
  static constexpr int kScoreStride = kTile + 8;

  /// Shared memory. Rows of keys, values and query are kRowBytes apart.
  struct Shared {
    uint8_t keys_and_values[kStages][2][kTileBytes];
    uint8_t query[kItems][kItemRows * kRowBytes];
    float scores[2][kDimShares][kItemRows][kScoreStride];
    uint64_t full[kStages];
    uint64_t empty[kStages];
    uint64_t item_full[kItems];
    uint64_t item_empty[kItems];
    ItemFacts facts[kItems];
    ItemTable table;
  };
};

/// The copying warps: one thread's part of a tile's keys and values.
template <int kHeadDim>
struct TileCopy {
  using D = Decode<kHeadDim>;
  static constexpr int kChunks = kHeadDim / 8;  ///< 16-byte pieces of a row
  static constexpr int kRowsAtOnce = kCopyThreads / kChunks;

  const uint16_t* keys;
  const uint16_t* values;
  int64_t stride;
  int capacity;
  int thread;

  __device__ TileCopy(const DecodeParams& params, const CacheSequence& sequence, int kv_head,
                      int copy_thread)
      : keys(sequence.keys + kv_head * kHeadDim + copy_thread % kChunks * 8),
        values(sequence.values + kv_head * kHeadDim + copy_thread % kChunks * 8),
        stride(static_cast<int64_t>(params.kv_heads) * kHeadDim),
        capacity(static_cast<int>(sequence.capacity)),
        thread(copy_thread) {}

  /// Positions [begin, begin + kTile) of an item that ends at `end`, to a stage that is free.
  __device__ void Start(typename D::Shared& shared, int stage, int begin, int end) const {
    const int chunk = thread % kChunks;
    const uint32_t key_target = SharedAddress(shared.keys_and_values[stage][0]) + chunk * 16;
    const uint32_t value_target = SharedAddress(shared.keys_and_values[stage][1]) + chunk * 16;
    const int first_row = begin % capacity;
#pragma unroll 8
    for (int i = thread / kChunks; i < D::kTile; i += kRowsAtOnce) {
      // Zeros behind the end: what is there is not this item's, and may be NaN.
      const bool wanted = begin + i < end;
      int row = wanted ? first_row + i : first_row;
      if (row >= capacity) row -= capacity;
      CopyAsync16(key_target + i * D::kRowBytes, keys + row * stride, wanted);
      CopyAsync16(value_target + i * D::kRowBytes, values + row * stride, wanted);
    }
    MbarrierArriveAfterCopies(shared.full + stage);
  }
};

/// The copying warps: an item's query rows and facts, to a place that is free.
template <int kHeadDim, typename Query>
__device__ void CopyQuery(const DecodeParams& params, const CacheSequence& sequence,
                          const Item& item, int held, int thread,
                          typename Decode<kHeadDim>::Shared& shared) {
  using D = Decode<kHeadDim>;
  constexpr int kChunks = kHeadDim / 8;
  const int chunk = thread % kChunks;
  const int first_packed = item.tile * kItemRows;
  const int valid_rows =
      min(kItemRows, static_cast<int>(sequence.rows) * params.group - first_packed);
  for (int row = thread / kChunks; row < valid_rows; row += kCopyThreads / kChunks) {
    const int packed = first_packed + row;
    const int head = item.kv_head * params.group + packed % params.group;
    const Query* source =
        static_cast<const Query*>(params.query) +
        ((sequence.first_row + packed / params.group) * params.heads + head) * kHeadDim;
    *reinterpret_cast<uint4*>(shared.query[held] + row * D::kRowBytes + chunk * 16) =
        LoadBf16x8(source + chunk * 8);
  }
  if (thread == 0) {
    shared.facts[held] = {item.begin,
                          item.end,
                          valid_rows,
                          first_packed / params.group,
                          static_cast<int>(sequence.first_position),
                          sequence.visible_end};
  }
  MbarrierArrive(shared.item_full + held);
}

/// Starts the copies of the block's first tiles, as far as they hold rows of earlier steps alone.
/// Returns how many.
template <int kHeadDim>
__device__ int CopyEarlierRows(const DecodeParams& params, int thread,
                               typename Decode<kHeadDim>::Shared& shared) {
  using D = Decode<kHeadDim>;
  const auto index = static_cast<int>(blockIdx.x);
  if (index >= shared.table.first[params.count]) return 0;
  const Item item = ItemAt(params, shared.table, index);
  const CacheSequence& sequence = params.sequences[item.sequence];
  const TileCopy<kHeadDim> copy(params, sequence, item.kv_head, thread);
  int stage = 0;
  for (int begin = item.begin; begin < item.end && stage < D::kStages; begin += D::kTile, ++stage) {
    if (min(begin + D::kTile, item.end) > sequence.first_position) break;
    copy.Start(shared, stage, begin, item.end);
  }
  return stage;
}

/// The copying warps: query, keys and values of all of the block's items, but for the tiles that
/// were `started` already.
template <int kHeadDim, typename Query>
__device__ void Feed(const DecodeParams& params, int thread, int started,
                     typename Decode<kHeadDim>::Shared& shared) {
  using D = Decode<kHeadDim>;
  const int items = shared.table.first[params.count];
  int step = 0;
  int done = 0;
  for (int index = static_cast<int>(blockIdx.x); index < items;
       index += static_cast<int>(gridDim.x), ++done) {
    const Item item = ItemAt(params, shared.table, index);
    const CacheSequence sequence = params.sequences[item.sequence];
    const int held = done % D::kItems;
    MbarrierWait(shared.item_empty + held, (done / D::kItems & 1) ^ 1);
    CopyQuery<kHeadDim, Query>(params, sequence, item, held, thread, shared);
    const TileCopy<kHeadDim> copy(params, sequence, item.kv_head, thread);
    for (int begin = item.begin; begin < item.end; begin += D::kTile, ++step) {
      if (step < started) continue;
      const int stage = step % D::kStages;
      MbarrierWait(shared.empty + stage, (step / D::kStages & 1) ^ 1);
      copy.Start(shared, stage, begin, item.end);
    }
  }
}

template <int kHeadDim>
__device__ void Compute(const DecodeParams& params, typename Decode<kHeadDim>::Shared& shared) {
  using D = Decode<kHeadDim>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int score_group = warp % D::kScoreGroups;
  const int dim_share = warp / D::kScoreGroups;
  const int items = shared.table.first[params.count];
  int step = 0;
  int done = 0;
  for (int index = static_cast<int>(blockIdx.x); index < items;
       index += static_cast<int>(gridDim.x), ++done) {
    const int held = done % D::kItems;
    MbarrierWait(shared.item_full + held, done / D::kItems & 1);
    const ItemFacts item = shared.facts[held];
    // My share of the query's dims. Rows beyond the valid ones hold anything: each row's scores are
    // its own, and theirs are never used.
    uint32_t query[D::kScoreSteps][4];
    const uint32_t query_address = SharedAddress(shared.query[held]) + lane % 16 * D::kRowBytes +
                                   dim_share * D::kScoreSteps * 32 + lane / 16 * 16;
#pragma unroll
    for (int k = 0; k < D::kScoreSteps; ++k) LoadMatrix4(query[k], query_address + k * 32);
    __syncwarp();
    if (lane == 0) MbarrierArrive(shared.item_empty + held);

    // My rows: lane / 4 and + 8, each a query head of a token.
    Interval seen[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int item_row = lane / 4 + 8 * r;
      if (item_row < item.valid_rows) {
        seen[r] = VisibleTo(item.first_token + item_row / params.group, item.first_position,
                            params.window, item.visible_end);
      }
      seen[r].end = min(seen[r].end, item.end);
    }

    // Of one token of a sliding layer there are two rows: the lower half is idle.
    const int halves = item.valid_rows > 8 ? 2 : 1;
    float out[D::kWarpDims / 8][4] = {};
    float largest[2] = {-INFINITY, -INFINITY};
    float sum[2] = {0, 0};
    for (int begin = item.begin; begin < item.end; begin += D::kTile, ++step) {
      const int stage = step % D::kStages;
      const uint32_t keys = SharedAddress(shared.keys_and_values[stage][0]);
      const uint32_t values = SharedAddress(shared.keys_and_values[stage][1]);
      MbarrierWait(shared.full + stage, step / D::kStages & 1);

      // Scores: 16 rows x 8 positions over my share of the dims, two chains of products.
      float partial[2][4] = {};
      const uint32_t key_address = keys + (score_group * 8 + lane % 8) * D::kRowBytes +
                                   dim_share * D::kScoreSteps * 32 + lane / 8 * 16;
#pragma unroll
      for (int k = 0; k < D::kScoreSteps; k += 2) {
        uint32_t key[4];
        LoadMatrix4(key, key_address + k * 32);
        Mma(partial[0], query[k], key[0], key[1]);
        Mma(partial[1], query[k + 1], key[2], key[3]);
      }
      float* exchange = shared.scores[step % 2][0][0];
      float* mine = exchange + (dim_share * kItemRows + lane / 4) * D::kScoreStride +
                    score_group * 8 + lane % 4 * 2;
      StorePair(mine, partial[0][0] + partial[1][0], partial[0][1] + partial[1][1]);
      StorePair(mine + 8 * D::kScoreStride, partial[0][2] + partial[1][2],
                partial[0][3] + partial[1][3]);
      NamedBarrierSync(1, kComputeThreads);

      // Everybody's softmax of the whole tile, in the layout of the next product's A.
      float tile_scores[D::kTile / 8][4];
      const float* all = exchange + lane / 4 * D::kScoreStride + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < D::kTile / 8; ++n) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          if (r >= halves) {
            tile_scores[n][2 * r] = tile_scores[n][2 * r + 1] = 0;
            continue;
          }
          float2 score = *reinterpret_cast<const float2*>(all + r * 8 * D::kScoreStride + 8 * n);
          if constexpr (D::kDimShares == 2) {
            const float2 other = *reinterpret_cast<const float2*>(
                all + (kItemRows + r * 8) * D::kScoreStride + 8 * n);
            score.x += other.x;
            score.y += other.y;
          }
          const int position = begin + 8 * n + lane % 4 * 2;
          const bool sees0 = position >= seen[r].begin && position < seen[r].end;
          const bool sees1 = position + 1 >= seen[r].begin && position + 1 < seen[r].end;
          tile_scores[n][2 * r] = sees0 ? score.x * kLog2E : -INFINITY;
          tile_scores[n][2 * r + 1] = sees1 ? score.y * kLog2E : -INFINITY;
        }
      }
      float scale[2] = {1, 1};
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        if (r >= halves) continue;
        float tile_largest = -INFINITY;
#pragma unroll
        for (int n = 0; n < D::kTile / 8; ++n) {
          tile_largest =
              fmaxf(tile_largest, fmaxf(tile_scores[n][2 * r], tile_scores[n][2 * r + 1]));
        }
        const float new_largest = fmaxf(largest[r], QuadMax(tile_largest));
        const float base = new_largest == -INFINITY ? 0.0F : new_largest;
        scale[r] = Exp2(largest[r] - base);
        largest[r] = new_largest;
        float tile_sum = 0;
#pragma unroll
        for (int n = 0; n < D::kTile / 8; ++n) {
#pragma unroll
          for (int c = 2 * r; c < 2 * r + 2; ++c) {
            tile_scores[n][c] = Exp2(tile_scores[n][c] - base);
            tile_sum += tile_scores[n][c];
          }
        }
        sum[r] = fmaf(sum[r], scale[r], tile_sum);
      }
#pragma unroll
      for (int n = 0; n < D::kWarpDims / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) out[n][i] *= scale[i / 2];
      }

      // Values: my output columns, 16 positions a step.
      const uint32_t value_address =
          values + lane % 16 * D::kRowBytes + warp * D::kWarpDims * 2 + lane / 16 * 16;
#pragma unroll
      for (int k = 0; k < D::kTile / 16; ++k) {
        const uint32_t weights[4] = {
            PackBf16(tile_scores[2 * k][0], tile_scores[2 * k][1]),
            PackBf16(tile_scores[2 * k][2], tile_scores[2 * k][3]),
            PackBf16(tile_scores[2 * k + 1][0], tile_scores[2 * k + 1][1]),
            PackBf16(tile_scores[2 * k + 1][2], tile_scores[2 * k + 1][3])};
#pragma unroll
        for (int n = 0; n < D::kWarpDims / 8; n += 2) {
          uint32_t value[4];
          LoadMatrix4Transposed(value, value_address + k * 16 * D::kRowBytes + n * 16);
          Mma(out[n], weights, value[0], value[1]);
          Mma(out[n + 1], weights, value[2], value[3]);
        }
      }
      __syncwarp();
      if (lane == 0) MbarrierArrive(shared.empty + stage);
    }

#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int item_row = lane / 4 + 8 * r;
      const float total = QuadSum(sum[r]);
      if (item_row >= item.valid_rows) continue;
      const int64_t stored = static_cast<int64_t>(index) * params.stored_rows + item_row;
      float* target = params.outputs + stored * kHeadDim + warp * D::kWarpDims + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < D::kWarpDims / 8; ++n) {
        StorePair(target + 8 * n, out[n][2 * r], out[n][2 * r + 1]);
      }
      if (warp == 0 && lane % 4 == 0) params.states[stored] = {largest[r], total};
    }
  }
}

template <int kHeadDim, typename Query>
__global__ void __launch_bounds__(kThreads, 1) AttentionDecodeKernel(DecodeParams params) {
  using D = Decode<kHeadDim>;
  extern __shared__ __align__(128) uint8_t shared_bytes[];
  auto& shared = *reinterpret_cast<typename D::Shared*>(shared_bytes);
  if (threadIdx.x == 0) {
    for (int i = 0; i < D::kStages; ++i) {
      MbarrierInit(shared.full + i, kCopyThreads);
      MbarrierInit(shared.empty + i, kComputeWarps);
    }
    for (int i = 0; i < D::kItems; ++i) {
      MbarrierInit(shared.item_full + i, kCopyThreads);
      MbarrierInit(shared.item_empty + i, kComputeWarps);
    }
  }
  LetNextKernelStart();
  FillTable(params, shared.table);
  if (threadIdx.x >= kComputeThreads) {
    const int thread = static_cast<int>(threadIdx.x) - kComputeThreads;
    const int started = CopyEarlierRows<kHeadDim>(params, thread, shared);
    WaitForPreviousKernel();
    Feed<kHeadDim, Query>(params, thread, started, shared);
  } else {
    WaitForPreviousKernel();
    Compute<kHeadDim>(params, shared);
  }
}

}  // namespace facet::cuda
