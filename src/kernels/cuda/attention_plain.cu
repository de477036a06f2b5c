// Attention for shapes that no fast kernel has: one block a query row and head, float32 throughout.
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_device.cuh"

namespace facet::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr int kTile = 128;         ///< positions whose scores are held at once
constexpr int kDimsPerThread = 8;  ///< so head_dim <= 1024
constexpr int kMaxHeadDim = kThreads * kDimsPerThread;

struct PlainParams {
  const void* query;
  void* out;
  int heads;
  int group;
  int head_dim;
  int window;
};

template <bool kMax>
__device__ float BlockReduce(float value, float* shared) {
  for (int step = 16; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(0xFFFFFFFFU, value, step);
    value = kMax ? fmaxf(value, other) : value + other;
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = shared[0];
  for (int warp = 1; warp < kWarps; ++warp) {
    value = kMax ? fmaxf(value, shared[warp]) : value + shared[warp];
  }
  return value;
}

template <typename Query, typename Out>
__device__ void AttendRow(const PlainParams& params, const CacheSequence& sequence, int row,
                          int head) {
  __shared__ float query[kMaxHeadDim];
  __shared__ float weights[kTile];
  __shared__ float reduced[kWarps];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t kv_heads = params.heads / params.group;
  const int64_t offset =
      ((sequence.first_row + row) * params.heads + head) * static_cast<int64_t>(params.head_dim);
  for (int d = thread; d < params.head_dim; d += kThreads) {
    query[d] = LoadFloat(static_cast<const Query*>(params.query) + offset + d);
  }
  const Interval seen = VisibleTo(row, static_cast<int>(sequence.first_position), params.window,
                                  sequence.visible_end);
  const auto cache_row = [&](int position) {
    return (position % sequence.capacity * kv_heads + head / params.group) * params.head_dim;
  };

  float largest = -INFINITY;
  float sum = 0;
  float out[kDimsPerThread] = {};
  for (int first = seen.begin; first < seen.end; first += kTile) {
    const int count = min(kTile, seen.end - first);
    __syncthreads();
    for (int i = thread / 32; i < count; i += kWarps) {
      const uint16_t* key = sequence.keys + cache_row(first + i);
      float score = 0;
      for (int d = thread % 32; d < params.head_dim; d += 32) {
        score = fmaf(query[d], LoadFloat(key + d), score);
      }
      for (int step = 16; step > 0; step /= 2) score += __shfl_xor_sync(0xFFFFFFFFU, score, step);
      if (thread % 32 == 0) weights[i] = score;
    }
    __syncthreads();
    const float score = thread < count ? weights[thread] : -INFINITY;
    const float new_largest = fmaxf(largest, BlockReduce<true>(score, reduced));
    const float weight = thread < count ? __expf(score - new_largest) : 0.0F;
    const float scale = __expf(largest - new_largest);
    largest = new_largest;
    sum = sum * scale + BlockReduce<false>(weight, reduced);
    weights[thread] = weight;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kDimsPerThread; ++i) {
      const int d = thread + i * kThreads;
      if (d >= params.head_dim) continue;
      out[i] *= scale;
      for (int p = 0; p < count; ++p) {
        out[i] = fmaf(weights[p], LoadFloat(sequence.values + cache_row(first + p) + d), out[i]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kDimsPerThread; ++i) {
    const int d = thread + i * kThreads;
    if (d < params.head_dim) {
      StoreFloat(static_cast<Out*>(params.out) + offset + d, sum == 0 ? 0.0F : out[i] / sum);
    }
  }
}

template <typename Query, typename Out>
__global__ void __launch_bounds__(kThreads)
    AttentionPlainKernel(PlainParams params, CacheSequence sequence) {
  AttendRow<Query, Out>(params, sequence, static_cast<int>(blockIdx.x),
                        static_cast<int>(blockIdx.y));
}

template <typename Query, typename Out>
__global__ void __launch_bounds__(kThreads)
    AttentionPlainFromDeviceKernel(PlainParams params, const CacheSequence* sequences) {
  const CacheSequence sequence = sequences[blockIdx.z];
  if (blockIdx.x >= sequence.rows) return;
  AttendRow<Query, Out>(params, sequence, static_cast<int>(blockIdx.x),
                        static_cast<int>(blockIdx.y));
}

/// Calls `launch` with a null pointer of the query's and one of the output's type.
template <typename Launch>
void WithTypes(const AttentionDesc& desc, const Launch& launch) {
  const auto with_query = [&](auto* query) {
    if (desc.out_type == ActivationType::kFloat32) {
      launch(query, static_cast<float*>(nullptr));
    } else {
      launch(query, static_cast<uint16_t*>(nullptr));
    }
  };
  if (desc.query_type == ActivationType::kFloat32) {
    with_query(static_cast<float*>(nullptr));
  } else {
    with_query(static_cast<uint16_t*>(nullptr));
  }
}

PlainParams ParamsOf(const AttentionDesc& desc) {
  return {.query = desc.query,
          .out = desc.out,
          .heads = static_cast<int>(desc.heads),
          .group = static_cast<int>(desc.heads / desc.kv_heads),
          .head_dim = static_cast<int>(desc.head_dim),
          .window = static_cast<int>(desc.window)};
}

}  // namespace

cudaError_t AttentionPlain(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                           cudaStream_t stream) {
  if (desc.head_dim > kMaxHeadDim || desc.heads % desc.kv_heads != 0) return cudaErrorInvalidValue;
  for (const CacheSequence& sequence : sequences) {
    if (sequence.rows == 0) continue;
    WithTypes(desc, [&]<typename Query, typename Out>(Query*, Out*) {
      AttentionPlainKernel<Query, Out>
          <<<dim3(static_cast<unsigned>(sequence.rows), static_cast<unsigned>(desc.heads)),
             kThreads, 0, stream>>>(ParamsOf(desc), sequence);
    });
  }
  return cudaGetLastError();
}

cudaError_t AttentionPlainFromDevice(const AttentionDesc& desc, const CacheSequence* sequences,
                                     int64_t count, int64_t max_rows, cudaStream_t stream) {
  if (desc.head_dim > kMaxHeadDim || desc.heads % desc.kv_heads != 0) return cudaErrorInvalidValue;
  WithTypes(desc, [&]<typename Query, typename Out>(Query*, Out*) {
    AttentionPlainFromDeviceKernel<Query, Out>
        <<<dim3(static_cast<unsigned>(max_rows), static_cast<unsigned>(desc.heads),
                static_cast<unsigned>(count)),
           kThreads, 0, stream>>>(ParamsOf(desc), sequences);
  });
  return cudaGetLastError();
}

}  // namespace facet::cuda
