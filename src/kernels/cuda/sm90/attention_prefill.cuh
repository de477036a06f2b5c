// What the two prefill kernels share. A block takes kRows consecutive rows of a sequence's query,
// where row m is query head (kv head * group + m % group) of token m / group: all query heads of a
// kv head side by side, so that a key tile meets as many of them as it can.
#pragma once

#include <cuda.h>

#include "kernels/cuda/attention_device.cuh"
#include "kernels/cuda/ptx_async.cuh"
#include "kernels/cuda/sm90/ptx_wgmma.cuh"

namespace facet::cuda {

inline constexpr int kPrefillSequences = 16;  ///< of one launch: its parameters hold them
inline constexpr int kWarpgroup = 128;

struct PrefillSequence {
  CUtensorMap keys;    ///< boxes of 64 dims x tile rows x all slabs of 64 dims x one kv head
  CUtensorMap values;  ///< the same
  const int64_t* visible_end;
  int first_row;
  int rows;
  int first_position;
  int capacity;
  int first_block;  ///< blocks before this sequence's
};

struct PrefillParams {
  const void* query;
  void* out;
  int heads;
  int group;  ///< query heads of one kv head
  int window;
  int sequences;
  PrefillSequence sequence[kPrefillSequences];
};

/// Consecutive positions in consecutive ring rows.
struct KeyTile {
  int position;
  int row;
  int count;  ///< at most the kernel's tile; rows beyond are not this call's
};

/// The interval [lo, hi) of a ring as tiles; where it wraps around, a tile ends.
template <int kTile>
struct KeyTiles {
  int lo, row, before_wrap, tiles_before_wrap, length, count;

  __device__ KeyTiles(int lo_position, int hi, int capacity) : lo(lo_position) {
    length = max(0, hi - lo);
    row = lo % capacity;
    before_wrap = min(length, capacity - row);
    tiles_before_wrap = (before_wrap + kTile - 1) / kTile;
    count = tiles_before_wrap + (length - before_wrap + kTile - 1) / kTile;
  }

  __device__ KeyTile operator[](int j) const {
    if (j < tiles_before_wrap) {
      return {lo + j * kTile, row + j * kTile, min(kTile, before_wrap - j * kTile)};
    }
    const int offset = (j - tiles_before_wrap) * kTile;
    return {lo + before_wrap + offset, offset, min(kTile, length - before_wrap - offset)};
  }
};

/// The first address from `shared` on that 128-byte swizzles repeat from.
__device__ __forceinline__ uint8_t* AlignedTo1024(uint8_t* shared) {
  return shared + (1024 - SharedAddress(shared) % 1024) % 1024;
}

/// A ring of key and value tiles in shared memory, filled by one thread in the order of the items.
template <int kSlots, int kTileBytes>
struct TileRing {
  uint8_t* slots;
  uint64_t* full;
  uint64_t* empty;

  /// Tiles at `slots_at`, barriers at `barriers_at`, 2 kSlots of them.
  __device__ TileRing(uint8_t* slots_at, void* barriers_at)
      : slots(slots_at), full(static_cast<uint64_t*>(barriers_at)), empty(full + kSlots) {}

  /// `readers` warps release every slot. One thread; MbarrierInitFence() after.
  __device__ void InitBarriers(uint32_t readers) const {
    for (int i = 0; i < kSlots; ++i) {
      MbarrierInit(full + i, 1);
      MbarrierInit(empty + i, readers);
    }
  }

  __device__ uint8_t* Slot(int item) const { return slots + item % kSlots * kTileBytes; }
  __device__ void WaitFull(int item) const {
    MbarrierWait(full + item % kSlots, item / kSlots & 1);
  }
  /// The calling warp is done with an item, and counts as `arrivals` readers.
  __device__ void Release(int item, unsigned arrivals = 1) const {
    if (threadIdx.x % 32 < arrivals) MbarrierArrive(empty + item % kSlots);
  }

  __device__ void Load(int item, const CUtensorMap* map, int row, int kv_head) const {
    const int slot = item % kSlots;
    MbarrierWait(empty + slot, (item / kSlots & 1) ^ 1);
    MbarrierExpect(full + slot, kTileBytes);
    TensorCopy4(SharedAddress(Slot(item)), map, 0, row, 0, kv_head, full + slot);
  }
};

/// What a block's tokens see: [lo, hi) all together, [all_begin, all_end) each of them.
struct BlockSpan {
  int lo, hi, all_begin, all_end;
};

/// Called by whole warps; every lane gets the result.
__device__ __forceinline__ BlockSpan SpanOf(const PrefillSequence& sequence, int window, int first,
                                            int tokens) {
  BlockSpan span{INT_MAX, 0, 0, INT_MAX};
  for (int i = static_cast<int>(threadIdx.x) % 32; i < tokens; i += 32) {
    const Interval seen =
        VisibleTo(first + i, sequence.first_position, window, sequence.visible_end);
    span.lo = min(span.lo, seen.begin);
    span.all_begin = max(span.all_begin, seen.begin);
    span.hi = max(span.hi, seen.end);
    span.all_end = min(span.all_end, seen.end);
  }
  span.lo = __reduce_min_sync(0xFFFFFFFFU, span.lo);
  span.hi = __reduce_max_sync(0xFFFFFFFFU, span.hi);
  span.all_begin = __reduce_max_sync(0xFFFFFFFFU, span.all_begin);
  span.all_end = __reduce_min_sync(0xFFFFFFFFU, span.all_end);
  return span;
}

/// The sequence that a block works on.
__device__ __forceinline__ int SequenceOfBlock(const PrefillParams& params, int block) {
  int index = 0;
  while (index + 1 < params.sequences && params.sequence[index + 1].first_block <= block) ++index;
  return index;
}

/// Compilers do not know that an asynchronous product writes its registers later: nothing that
/// reads or writes them moves across this.
template <int kCount>
__device__ __forceinline__ void PinRegisters(float (&values)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(values[i])::"memory");
}

/// Rows [count, kTile) of a tile of kSlabs slabs become zero: their probabilities are zero, but
/// zero times NaN is not. Whole warpgroup; `barrier` is a named barrier of its own.
template <int kTile, int kSlabs>
__device__ __forceinline__ void ZeroRowsFrom(uint8_t* tile, int count, int barrier) {
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup;
  const int chunks = (kTile - count) * 8;
  for (int i = thread; i < kSlabs * chunks; i += kWarpgroup) {
    const int offset = i / chunks * kTile * 128 + count * 128 + i % chunks * 16;
    *reinterpret_cast<uint4*>(tile + offset) = {0, 0, 0, 0};
  }
  FenceProxyAsync();
  NamedBarrierSync(barrier, kWarpgroup);
}

/// Online softmax of the two rows that a thread of a warpgroup shares with its quad.
struct RowPair {
  float largest[2] = {-INFINITY, -INFINITY};  ///< in units of log 2
  float sum[2] = {0, 0};                      ///< this thread's share
};

/// Scores to probabilities in place; returns in `scale` what earlier sums must be multiplied by.
template <int kColumns>
__device__ __forceinline__ void OnlineSoftmax(float (&scores)[kColumns], RowPair& rows,
                                              float (&scale)[2]) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float largest = rows.largest[r];
    float tile_largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < kColumns; i += 4) {
      tile_largest = fmaxf(tile_largest, fmaxf(scores[i + 2 * r], scores[i + 2 * r + 1]));
    }
    largest = fmaxf(largest, QuadMax(tile_largest) * kLog2E);
    // A row that has seen nothing yet: any finite number keeps NaN away.
    const float base = largest == -INFINITY ? 0.0F : largest;
    scale[r] = Exp2(rows.largest[r] - base);
    rows.largest[r] = largest;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kColumns; i += 4) {
#pragma unroll
      for (int c = 2 * r; c < 2 * r + 2; ++c) {
        scores[i + c] = Exp2(fmaf(scores[i + c], kLog2E, -base));
        sum += scores[i + c];
      }
    }
    rows.sum[r] = fmaf(rows.sum[r], scale[r], sum);
  }
}

/// Scores of positions that a row does not see become -infinity.
template <int kColumns>
__device__ __forceinline__ void MaskScores(float (&scores)[kColumns], const KeyTile& tile,
                                           const Interval (&seen)[2]) {
  const int lane_column = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int begin = seen[r].begin - tile.position - lane_column;
    const int end = min(seen[r].end - tile.position, tile.count) - lane_column;
#pragma unroll
    for (int i = 0; i < kColumns; i += 4) {
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const int column = i * 2 + c;
        if (column < begin || column >= end) scores[i + 2 * r + c] = -INFINITY;
      }
    }
  }
}

}  // namespace facet::cuda
