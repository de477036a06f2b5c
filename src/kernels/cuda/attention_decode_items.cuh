// How decode attention divides its work: an item is (sequence, 16 query rows, kv head, part of the
// span). How a span is split depends only on its length.
#pragma once

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_device.cuh"
#include "kernels/cuda/attention_shapes.h"

namespace facet::cuda {

inline constexpr int kItemRows = kDecodeTileRows;  ///< the height of a matrix product
inline constexpr int kMaxSplits = 128;
inline constexpr int kSplitStep = 16;

__host__ __device__ constexpr int CeilDiv(int a, int b) { return (a + b - 1) / b; }

/// Positions of the shortest part. At 512 dims it leaves up to 32 KB of sums behind for every 128
/// KB of keys and values.
inline constexpr int kMinSplit = 64;

/// Positions of a part of a span.
__host__ __device__ constexpr int SplitLength(int span) {
  const int even = CeilDiv(span, kMaxSplits);
  return even <= kMinSplit ? kMinSplit : CeilDiv(even, kSplitStep) * kSplitStep;
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
  span.split_length = SplitLength(span.hi - span.lo);
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
__device__ inline void FillTable(const DecodeParams& params, ItemTable& table) {
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

}  // namespace facet::cuda
