// The end of decode attention: the parts of a row, merged in order.
#pragma once

#include "kernels/cuda/attention_decode_items.cuh"

namespace facet::cuda {

inline constexpr int kMergeColumns = 128;  ///< of a block
inline constexpr int kMergeGroups = 16;    ///< parts that are added up side by side
inline constexpr int kMergeLanes = kMergeColumns / 4;
inline constexpr int kMergeThreads = kMergeLanes * kMergeGroups;

/// A block per (query row and head, columns, sequence).
template <int kHeadDim, typename Out>
__global__ void __launch_bounds__(kMergeThreads) AttentionMergeKernel(DecodeParams params) {
  __shared__ ItemTable table;
  __shared__ float weights[kMaxSplits];
  __shared__ float4 sums[kMergeGroups - 1][kMergeLanes];
  LetNextKernelStart();
  FillTable(params, table);
  WaitForPreviousKernel();
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

}  // namespace facet::cuda
