// From accumulators to device memory, for linear_kernel.cuh. Outputs are token-major while a
// thread's accumulators are feature-major: they are turned through shared memory.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>

#include "kernels/cuda/sm90/linear_tile.cuh"
#include "kernels/cuda/sm90/ptx_cluster.cuh"

namespace facet::cuda::sm90 {

/// z / 2 (1 + tanh(u)) = z / (1 + exp(-2 u)), u = sqrt(2 / pi) (z + 0.044715 z^3).
__device__ inline float GeluTanh(float z) {
  constexpr float kMinus2Sqrt2OverPi = -1.5957691216057308f;
  const float u = kMinus2Sqrt2OverPi * (z + 0.044715f * z * z * z);
  return __fdividef(z, 1.0f + fminf(__expf(u), 1e38f));
}

__device__ inline const PartArgs& PartOf(const LinearArgs& args, int row) {
  if (row >= args.parts[2].first) return args.parts[2];
  return row >= args.parts[1].first ? args.parts[1] : args.parts[0];
}

__device__ inline void StoreOne(void* out, int64_t index, float value, bool as_float) {
  if (as_float) {
    static_cast<float*>(out)[index] = value;
  } else {
    static_cast<__nv_bfloat16*>(out)[index] = __float2bfloat16_rn(value);
  }
}

/// Four consecutive features of a token, the first one a multiple of 4.
template <OutForm kOutput>
__device__ inline void StoreFour(const LinearArgs& args, int token, int feature, float4 value) {
  constexpr bool kAsFloat = kOutput == OutForm::kFloat32;
  const PartArgs& part = kOutput == OutForm::kGateUp ? args.parts[0] : PartOf(args, feature);
  const int row = feature - part.first;
  if (token >= args.tokens || row >= part.rows) return;
  const int64_t index = token * part.stride + row;
  const bool whole = row + 4 <= part.rows && part.stride % 4 == 0;
  if (!whole) {
    const float values[4] = {value.x, value.y, value.z, value.w};
    for (int i = 0; i < 4; ++i) {
      if (row + i < part.rows) StoreOne(part.out, index + i, values[i], kAsFloat);
    }
  } else if constexpr (kAsFloat) {
    *reinterpret_cast<float4*>(static_cast<float*>(part.out) + index) = value;
  } else {
    const __nv_bfloat162 pairs[2] = {__floats2bfloat162_rn(value.x, value.y),
                                     __floats2bfloat162_rn(value.z, value.w)};
    *reinterpret_cast<uint2*>(static_cast<__nv_bfloat16*>(part.out) + index) =
        *reinterpret_cast<const uint2*>(pairs);
  }
}

/// One consumer's outputs, kChunkTokens tokens of 64 rows at a time through its own staging buffer.
template <class Tile>
__device__ inline void StoreTile(const LinearArgs& args, int first_row, int first_token,
                                 uint32_t consumer, float* staging,
                                 const float (&acc)[Tile::kBlocks][Tile::kTokens / 2]) {
  constexpr bool kGateUp = Tile::kOutput == OutForm::kGateUp;
  constexpr int kStride = Tile::kStagedStride;
  constexpr int kFours = Tile::kStagedRows / 4;
  const int thread = static_cast<int>(threadIdx.x) % 128;
  const int warp = thread / 32;
  const int g = thread % 32 / 4;
  const int t = thread % 4;
#pragma unroll
  for (int block = 0; block < Tile::kBlocks; ++block) {
    const int block_row = first_row + 64 * block;
    const float alpha = kGateUp ? args.parts[0].alpha : PartOf(args, block_row + 16 * warp).alpha;
#pragma unroll
    for (int chunk = 0; chunk < Tile::kTokens / kChunkTokens; ++chunk) {
      NamedBarrierSync(1 + static_cast<int>(consumer), 128);
#pragma unroll
      for (int i = 0; i < kChunkTokens / 8; ++i) {
        const float* d = acc[block] + 4 * (chunk * (kChunkTokens / 8) + i);
        if constexpr (kGateUp) {
          float* cell = staging + (8 * i + 2 * t) * kStride + 8 * warp + g;
          const float up_alpha = args.parts[1].alpha;
          cell[0] = GeluTanh(alpha * d[0]) * (up_alpha * d[2]);
          cell[kStride] = GeluTanh(alpha * d[1]) * (up_alpha * d[3]);
        } else {
          float* cell = staging + (8 * i + 2 * t) * kStride + 16 * warp + g;
          cell[0] = alpha * d[0];
          cell[kStride] = alpha * d[1];
          cell[8] = alpha * d[2];
          cell[kStride + 8] = alpha * d[3];
        }
      }
      NamedBarrierSync(1 + static_cast<int>(consumer), 128);
#pragma unroll
      for (int i = 0; i < kChunkTokens * kFours / 128; ++i) {
        const int item = 128 * i + thread;
        const int token = item / kFours;
        const int four = item % kFours;
        const float4 value = *reinterpret_cast<const float4*>(staging + token * kStride + 4 * four);
        StoreFour<Tile::kOutput>(args, first_token + chunk * kChunkTokens + token,
                                 (kGateUp ? block_row / 2 : block_row) + 4 * four, value);
      }
    }
  }
}

/// Puts a consumer's partial sums of kSumTokens tokens where the cluster reads them: [token]
/// [feature as packed].
template <class Tile>
__device__ inline void StagePartial(uint32_t consumer, float* staging,
                                    const float (&acc)[Tile::kBlocks][Tile::kTokens / 2],
                                    int chunk) {
  const int thread = static_cast<int>(threadIdx.x) % 128;
  const int g = thread % 32 / 4;
  const int t = thread % 4;
#pragma unroll
  for (int block = 0; block < Tile::kBlocks; ++block) {
    const int row =
        64 * (static_cast<int>(consumer) * Tile::kBlocks + block) + thread / 32 * 16 + g;
#pragma unroll
    for (int i = 0; i < Tile::kSumTokens / 8; ++i) {
      const float* d = acc[block] + 4 * (chunk * (Tile::kSumTokens / 8) + i);
      float* cell = staging + (8 * i + 2 * t) * Tile::kStagedStride + row;
      cell[0] = d[0];
      cell[Tile::kStagedStride] = d[1];
      cell[8] = d[2];
      cell[Tile::kStagedStride + 8] = d[3];
    }
  }
}

/// Four staged sums, added over the cluster in the order of ranks.
__device__ inline float4 SumOverCluster(uint32_t address, int splits) {
  float4 parts[kMaxSplits];
#pragma unroll
  for (int rank = 0; rank < kMaxSplits; ++rank) {
    if (rank < splits)
      parts[rank] = LoadCluster(ClusterAddress(address, static_cast<uint32_t>(rank)));
  }
  float4 sum = parts[0];
#pragma unroll
  for (int rank = 1; rank < kMaxSplits; ++rank) {
    if (rank >= splits) break;
    sum.x += parts[rank].x;
    sum.y += parts[rank].y;
    sum.z += parts[rank].z;
    sum.w += parts[rank].w;
  }
  return sum;
}

__device__ inline float4 Scaled(float4 v, float alpha) {
  return {v.x * alpha, v.y * alpha, v.z * alpha, v.w * alpha};
}

/// Adds up this CTA's share of kSumTokens staged tokens over the cluster and stores them.
template <class Tile>
__device__ inline void StoreSums(const LinearArgs& args, int first_row, int first_token, int rank,
                                 const float* staging) {
  constexpr bool kGateUp = Tile::kOutput == OutForm::kGateUp;
  constexpr int kFours = Tile::kFeatures / (kGateUp ? 8 : 4);
  const int share = Tile::kSumTokens / args.splits;
  const int thread = static_cast<int>(threadIdx.x) - 128;
  for (int item = thread; item < share * kFours; item += 128 * Tile::kConsumers) {
    const int token = rank * share + item / kFours;
    const int feature = 4 * (item % kFours);
    const float* cell = staging + token * Tile::kStagedStride;
    if constexpr (kGateUp) {
      const int row = feature / 8 * 16 + feature % 8;
      const float4 gate =
          Scaled(SumOverCluster(SharedAddress(cell + row), args.splits), args.parts[0].alpha);
      const float4 up =
          Scaled(SumOverCluster(SharedAddress(cell + row + 8), args.splits), args.parts[1].alpha);
      const float4 value = {GeluTanh(gate.x) * up.x, GeluTanh(gate.y) * up.y,
                            GeluTanh(gate.z) * up.z, GeluTanh(gate.w) * up.w};
      StoreFour<Tile::kOutput>(args, first_token + token, first_row / 2 + feature, value);
    } else {
      const float alpha = PartOf(args, first_row + feature).alpha;
      const float4 sum = SumOverCluster(SharedAddress(cell + feature), args.splits);
      StoreFour<Tile::kOutput>(args, first_token + token, first_row + feature, Scaled(sum, alpha));
    }
  }
}

}  // namespace facet::cuda::sm90
