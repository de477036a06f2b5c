// Decode attention: few query rows a sequence, the cache split over the chip.
//
// A work item is (sequence, 16 query rows, kv head, part of the span). A block streams its items'
// keys and values through a ring of shared-memory stages: four warps copy and run ahead over item
// borders (one bulk copy a cache row instead, from one warp, took 48 ns a row and was the limit),
// eight warps compute. For a tile of positions each of the eight
// computes a share of the scores (16 rows x 8 positions, over all or half of the dims), all
// exchange them, repeat the softmax for themselves, and add the tile's values into their own output
// columns. Items leave unnormalized outputs with their maximum and sum; a second kernel merges the
// parts of a row in order.
//
// How a span is split depends only on its length.
#include <algorithm>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_device.cuh"

namespace facet::cuda {
namespace {

constexpr int kItemRows = 16;  ///< the height of a matrix product
constexpr int kMaxSplits = 128;
constexpr int kSplitStep = 16;
constexpr int kComputeWarps = 8;
constexpr int kCopyThreads = 128;
constexpr int kComputeThreads = kComputeWarps * 32;
constexpr int kThreads = kComputeThreads + kCopyThreads;
constexpr int kPad = 16;  ///< bytes between cache rows in shared memory, against bank conflicts

__host__ __device__ constexpr int CeilDiv(int a, int b) { return (a + b - 1) / b; }

/// Positions of the shortest part. At 512 dims a part leaves up to 32 KB of sums behind.
__host__ __device__ constexpr int MinSplit(int head_dim) { return head_dim == 512 ? 128 : 64; }

/// Positions of a part of a span.
__host__ __device__ constexpr int SplitLength(int span, int min_split) {
  const int even = CeilDiv(span, kMaxSplits);
  return even <= min_split ? min_split : CeilDiv(even, kSplitStep) * kSplitStep;
}

struct DecodeParams {
  const void* query;
  void* out;
  const CacheSequence* sequences;
  int count;
  int heads;
  int kv_heads;
  int group;
  int window;
  int min_split;
  int stored_rows;  ///< rows of an item that the scratch has room for
  float* outputs;   ///< [items][stored_rows][head_dim]
  float2* states;   ///< [items][stored_rows]: maximum (in units of log 2), sum
};

/// A sequence's rows together see [lo, hi); its items are [tiles][splits][kv_heads].
struct DecodeSpan {
  int lo;
  int hi;
  int split_length;
  int splits;
  int tiles;
};

__device__ __forceinline__ DecodeSpan SpanOf(const DecodeParams& params,
                                             const CacheSequence& sequence) {
  DecodeSpan span{};
  const int rows = static_cast<int>(sequence.rows);
  if (rows == 0) return span;
  const auto first_position = static_cast<int>(sequence.first_position);
  span.lo = VisibleTo(0, first_position, params.window, nullptr).begin;
  for (int row = 0; row < rows; ++row) {
    span.hi = max(span.hi, VisibleTo(row, first_position, params.window, sequence.visible_end).end);
  }
  span.split_length = SplitLength(span.hi - span.lo, params.min_split);
  span.splits = CeilDiv(span.hi - span.lo, span.split_length);
  span.tiles = CeilDiv(rows * params.group, kItemRows);
  return span;
}

/// Where each sequence's items begin: kMaxDecodeSequences + 1 entries, and their spans.
struct ItemTable {
  int first[kMaxDecodeSequences + 1];
  DecodeSpan span[kMaxDecodeSequences];
};

/// Whole block.
__device__ void FillTable(const DecodeParams& params, ItemTable& table) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 32) {
    int before = 0;
    for (int base = 0; base < params.count; base += 32) {
      const int index = base + lane;
      int items = 0;
      if (index < params.count) {
        const DecodeSpan span = SpanOf(params, params.sequences[index]);
        table.span[index] = span;
        items = span.tiles * span.splits * params.kv_heads;
      }
      int through = items;
      for (int step = 1; step < 32; step *= 2) {
        const int other = __shfl_up_sync(0xFFFFFFFFU, through, step);
        if (lane >= step) through += other;
      }
      if (index < params.count) table.first[index] = before + through - items;
      before += __shfl_sync(0xFFFFFFFFU, through, 31);
    }
    if (lane == 0) table.first[params.count] = before;
  }
  __syncthreads();
}

struct Item {
  int sequence;
  int tile;
  int kv_head;
  int begin;  ///< positions
  int end;
};

__device__ __forceinline__ Item ItemAt(const DecodeParams& params, const ItemTable& table,
                                       int index) {
  int low = 0;
  int high = params.count;  // low: the last sequence whose first item is not after index
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.first[middle] <= index ? low : high) = middle;
  }
  const DecodeSpan& span = table.span[low];
  const int offset = index - table.first[low];
  const int split = offset / params.kv_heads % span.splits;
  const int begin = span.lo + split * span.split_length;
  return {low, offset / params.kv_heads / span.splits, offset % params.kv_heads, begin,
          min(begin + span.split_length, span.hi)};
}

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

/// The copying warps: query, keys and values of all of the block's items.
template <int kHeadDim, typename Query>
__device__ void Feed(const DecodeParams& params, typename Decode<kHeadDim>::Shared& shared) {
  using D = Decode<kHeadDim>;
  constexpr int kChunks = kHeadDim / 8;  ///< 16-byte pieces of a row
  constexpr int kRowsAtOnce = kCopyThreads / kChunks;
  const int thread = static_cast<int>(threadIdx.x) - kComputeThreads;
  const int chunk = thread % kChunks;
  const int items = shared.table.first[params.count];
  int step = 0;
  int done = 0;
  for (int index = static_cast<int>(blockIdx.x); index < items;
       index += static_cast<int>(gridDim.x), ++done) {
    const Item item = ItemAt(params, shared.table, index);
    const CacheSequence sequence = params.sequences[item.sequence];
    const int first_packed = item.tile * kItemRows;
    const int valid_rows =
        min(kItemRows, static_cast<int>(sequence.rows) * params.group - first_packed);

    const int held = done % D::kItems;
    MbarrierWait(shared.item_empty + held, (done / D::kItems & 1) ^ 1);
    for (int row = thread / kChunks; row < valid_rows; row += kRowsAtOnce) {
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

    const auto capacity = static_cast<int>(sequence.capacity);
    const int64_t stride = static_cast<int64_t>(params.kv_heads) * kHeadDim;
    const uint16_t* keys = sequence.keys + item.kv_head * kHeadDim + chunk * 8;
    const uint16_t* values = sequence.values + item.kv_head * kHeadDim + chunk * 8;
    for (int begin = item.begin; begin < item.end; begin += D::kTile, ++step) {
      const int stage = step % D::kStages;
      MbarrierWait(shared.empty + stage, (step / D::kStages & 1) ^ 1);
      const uint32_t key_target = SharedAddress(shared.keys_and_values[stage][0]) + chunk * 16;
      const uint32_t value_target = SharedAddress(shared.keys_and_values[stage][1]) + chunk * 16;
      const int first_row = begin % capacity;
#pragma unroll 8
      for (int i = thread / kChunks; i < D::kTile; i += kRowsAtOnce) {
        // Zeros behind the end: what is there is not this item's, and may be NaN.
        const bool wanted = begin + i < item.end;
        int row = wanted ? first_row + i : first_row;
        if (row >= capacity) row -= capacity;
        CopyAsync16(key_target + i * D::kRowBytes, keys + row * stride, wanted);
        CopyAsync16(value_target + i * D::kRowBytes, values + row * stride, wanted);
      }
      MbarrierArriveAfterCopies(shared.full + stage);
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
      float scale[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
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
  WaitForPreviousKernel();
  LetNextKernelStart();
  FillTable(params, shared.table);
  if (threadIdx.x >= kComputeThreads) {
    Feed<kHeadDim, Query>(params, shared);
  } else {
    Compute<kHeadDim>(params, shared);
  }
}

constexpr int kMergeColumns = 128;  ///< of a block
constexpr int kMergeGroups = 16;    ///< parts that are added up side by side
constexpr int kMergeLanes = kMergeColumns / 4;
constexpr int kMergeThreads = kMergeLanes * kMergeGroups;

/// A block per (query row and head, columns, sequence).
template <int kHeadDim, typename Out>
__global__ void __launch_bounds__(kMergeThreads) AttentionMergeKernel(DecodeParams params) {
  __shared__ ItemTable table;
  __shared__ float weights[kMaxSplits];
  __shared__ float4 sums[kMergeGroups - 1][kMergeLanes];
  WaitForPreviousKernel();
  LetNextKernelStart();
  FillTable(params, table);
  const int index = static_cast<int>(blockIdx.z);
  const CacheSequence sequence = params.sequences[index];
  const int row = static_cast<int>(blockIdx.x) / params.heads;
  const int head = static_cast<int>(blockIdx.x) % params.heads;
  if (row >= sequence.rows) return;
  const DecodeSpan& span = table.span[index];
  const int packed_row = row * params.group + head % params.group;
  const auto stored = [&](int split) {
    const int item = table.first[index] +
                     (packed_row / kItemRows * span.splits + split) * params.kv_heads +
                     head / params.group;
    return static_cast<int64_t>(item) * params.stored_rows + packed_row % kItemRows;
  };

  const int thread = static_cast<int>(threadIdx.x);
  float largest = -INFINITY;
  for (int split = thread % 32; split < span.splits; split += 32) {
    largest = fmaxf(largest, params.states[stored(split)].x);
  }
  for (int step = 16; step > 0; step /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFU, largest, step));
  }
  if (largest == -INFINITY) largest = 0;
  float total = 0;
  for (int split = thread % 32; split < span.splits; split += 32) {
    const float2 state = params.states[stored(split)];
    const float weight = Exp2(state.x - largest);
    if (thread < 32) weights[split] = weight;
    total = fmaf(weight, state.y, total);
  }
  for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(0xFFFFFFFFU, total, step);
  __syncthreads();

  const int lane = thread % kMergeLanes;
  const int group = thread / kMergeLanes;
  const int column = static_cast<int>(blockIdx.y) * kMergeColumns + lane * 4;
  float4 sum{0, 0, 0, 0};
#pragma unroll 4
  for (int split = group; split < span.splits; split += kMergeGroups) {
    const float weight = weights[split];
    const float4 part =
        *reinterpret_cast<const float4*>(params.outputs + stored(split) * kHeadDim + column);
    sum = {fmaf(weight, part.x, sum.x), fmaf(weight, part.y, sum.y), fmaf(weight, part.z, sum.z),
           fmaf(weight, part.w, sum.w)};
  }
  if (group > 0) sums[group - 1][lane] = sum;
  __syncthreads();
  if (group > 0) return;
  for (int other = 0; other < kMergeGroups - 1; ++other) {
    const float4 part = sums[other][lane];
    sum = {sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w};
  }
  const float inverse = total == 0 ? 0.0F : 1.0F / total;
  Out* target = static_cast<Out*>(params.out) +
                ((sequence.first_row + row) * params.heads + head) * kHeadDim + column;
  StorePair(target, sum.x * inverse, sum.y * inverse);
  StorePair(target + 2, sum.z * inverse, sum.w * inverse);
}

bool Fits(const AttentionDesc& shape) {
  return (shape.head_dim == 256 || shape.head_dim == 512) && shape.heads % shape.kv_heads == 0 &&
         kItemRows % (shape.heads / shape.kv_heads) == 0;
}

int64_t StoredRows(const AttentionDecodeDesc& desc) {
  return std::min<int64_t>(kItemRows, desc.shape.heads / desc.shape.kv_heads * desc.max_rows);
}

/// No call has more items.
int64_t MaxItems(const AttentionDecodeDesc& desc) {
  const AttentionDesc& shape = desc.shape;
  // Rows see window + rows - 1 positions together, and an image more: at most the depth.
  const int64_t span =
      shape.window == 0 ? desc.max_depth : std::min(desc.max_depth, shape.window + 1024);
  const int64_t min_split = MinSplit(static_cast<int>(shape.head_dim));
  const int64_t splits = std::min<int64_t>(kMaxSplits, (span + min_split - 1) / min_split);
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t tiles = (desc.max_rows * group + kItemRows - 1) / kItemRows;
  return desc.count * tiles * splits * shape.kv_heads;
}

/// The kernel's launch may overlap the end of the one before it.
template <typename Kernel>
cudaError_t LaunchOverlapped(Kernel kernel, dim3 grid, int threads, int shared_bytes,
                             const DecodeParams& params, cudaStream_t stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, params);
}

template <int kHeadDim, typename Query, typename Out>
cudaError_t LaunchTyped(const AttentionDecodeDesc& desc, const DecodeParams& params,
                        cudaStream_t stream) {
  constexpr int kShared = sizeof(typename Decode<kHeadDim>::Shared);
  static_assert(kShared <= 227 * 1024);
  int device = 0;
  int processors = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  }
  if (error == cudaSuccess) {
    error = cudaFuncSetAttribute(AttentionDecodeKernel<kHeadDim, Query>,
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
  }
  if (error != cudaSuccess) return error;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(MaxItems(desc), int64_t{processors}));
  error = LaunchOverlapped(AttentionDecodeKernel<kHeadDim, Query>, dim3(blocks), kThreads, kShared,
                           params, stream);
  if (error != cudaSuccess) return error;
  return LaunchOverlapped(AttentionMergeKernel<kHeadDim, Out>,
                          dim3(static_cast<unsigned>(desc.max_rows * desc.shape.heads),
                               kHeadDim / kMergeColumns, static_cast<unsigned>(desc.count)),
                          kMergeThreads, 0, params, stream);
}

template <typename Query, typename Out>
cudaError_t LaunchShape(const AttentionDecodeDesc& desc, const DecodeParams& params,
                        cudaStream_t stream) {
  return desc.shape.head_dim == 256 ? LaunchTyped<256, Query, Out>(desc, params, stream)
                                    : LaunchTyped<512, Query, Out>(desc, params, stream);
}

template <typename Query>
cudaError_t LaunchQuery(const AttentionDecodeDesc& desc, const DecodeParams& params,
                        cudaStream_t stream) {
  return desc.shape.out_type == ActivationType::kFloat32
             ? LaunchShape<Query, float>(desc, params, stream)
             : LaunchShape<Query, uint16_t>(desc, params, stream);
}

}  // namespace

int64_t AttentionDecodeScratchBytes(const AttentionDecodeDesc& desc) {
  if (!Fits(desc.shape)) return 0;
  return MaxItems(desc) * StoredRows(desc) *
         (desc.shape.head_dim * static_cast<int64_t>(sizeof(float)) +
          static_cast<int64_t>(sizeof(float2)));
}

cudaError_t AttentionDecode(const AttentionDecodeDesc& desc, cudaStream_t stream) {
  if (desc.count < 1 || desc.count > kMaxDecodeSequences || desc.max_rows < 1 ||
      desc.max_rows > kMaxDecodeRows) {
    return cudaErrorInvalidValue;
  }
  if (!Fits(desc.shape)) {
    return AttentionPlainFromDevice(desc.shape, desc.sequences, desc.count, desc.max_rows, stream);
  }
  DecodeParams params{};
  params.query = desc.shape.query;
  params.out = desc.shape.out;
  params.sequences = desc.sequences;
  params.count = static_cast<int>(desc.count);
  params.heads = static_cast<int>(desc.shape.heads);
  params.kv_heads = static_cast<int>(desc.shape.kv_heads);
  params.group = static_cast<int>(desc.shape.heads / desc.shape.kv_heads);
  params.window = static_cast<int>(desc.shape.window);
  params.min_split = MinSplit(static_cast<int>(desc.shape.head_dim));
  params.stored_rows = static_cast<int>(StoredRows(desc));
  params.outputs = static_cast<float*>(desc.scratch);
  params.states = reinterpret_cast<float2*>(params.outputs + MaxItems(desc) * StoredRows(desc) *
                                                                 desc.shape.head_dim);
  return desc.shape.query_type == ActivationType::kFloat32
             ? LaunchQuery<float>(desc, params, stream)
             : LaunchQuery<uint16_t>(desc, params, stream);
}

}  // namespace facet::cuda
