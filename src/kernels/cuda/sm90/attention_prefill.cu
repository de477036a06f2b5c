// Prefill attention on Hopper: tensor maps, block counts, and the choice of kernel.
#include <algorithm>

#include <cuda.h>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_shapes.h"
#include "kernels/cuda/sm90/attention_prefill_256.cuh"
#include "kernels/cuda/sm90/attention_prefill_512.cuh"
#include "kernels/cuda/sm90/tensor_map.cuh"

namespace facet::cuda {
namespace {

constexpr int kKeyTile256 = 96;

/// A cache as [kv_heads][head_dim / 64][capacity][64]; a box is [1][slabs][tile][64], in 128-byte
/// swizzle: slab after slab, as the products read it.
bool EncodeCache(TensorMapEncode encode, const AttentionDesc& desc, const uint16_t* cache,
                 int64_t capacity, int tile, CUtensorMap* map) {
  const auto row_bytes = static_cast<cuuint64_t>(desc.kv_heads * desc.head_dim * 2);
  const cuuint64_t sizes[4] = {64, static_cast<cuuint64_t>(capacity),
                               static_cast<cuuint64_t>(desc.head_dim / 64),
                               static_cast<cuuint64_t>(desc.kv_heads)};
  const cuuint64_t strides[3] = {row_bytes, 128, static_cast<cuuint64_t>(desc.head_dim * 2)};
  const cuuint32_t box[4] = {64, static_cast<cuuint32_t>(tile),
                             static_cast<cuuint32_t>(desc.head_dim / 64), 1};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  return encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<uint16_t*>(cache), sizes,
                strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

/// What the choice of kernel fixes.
struct Shape {
  int rows;  ///< of a block
  int tile;  ///< key rows of a box
};

using KernelFunction = void (*)(PrefillParams);

cudaError_t Launch(KernelFunction kernel, int threads, int shared_bytes, const Shape& shape,
                   const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                   cudaStream_t stream) {
  const TensorMapEncode encode = FindTensorMapEncode();
  if (encode == nullptr) return cudaErrorNotSupported;
  if (const cudaError_t error =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
      error != cudaSuccess) {
    return error;
  }
  while (!sequences.empty()) {
    PrefillParams params{};
    params.query = desc.query;
    params.out = desc.out;
    params.heads = static_cast<int>(desc.heads);
    params.group = static_cast<int>(desc.heads / desc.kv_heads);
    params.window = static_cast<int>(desc.window);
    const size_t count = std::min<size_t>(sequences.size(), kPrefillSequences);
    const int64_t block_tokens = shape.rows / params.group;
    int64_t blocks = 0;
    for (const CacheSequence& from : sequences.first(count)) {
      if (from.rows == 0) continue;
      PrefillSequence& to = params.sequence[params.sequences++];
      if (!EncodeCache(encode, desc, from.keys, from.capacity, shape.tile, &to.keys) ||
          !EncodeCache(encode, desc, from.values, from.capacity, shape.tile, &to.values)) {
        return cudaErrorInvalidValue;
      }
      to.visible_end = from.visible_end;
      to.first_row = static_cast<int>(from.first_row);
      to.rows = static_cast<int>(from.rows);
      to.first_position = static_cast<int>(from.first_position);
      to.capacity = static_cast<int>(from.capacity);
      to.first_block = static_cast<int>(blocks);
      blocks += (from.rows + block_tokens - 1) / block_tokens;
    }
    sequences = sequences.subspan(count);
    if (blocks == 0) continue;

    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(desc.kv_heads));
    kernel<<<grid, threads, shared_bytes, stream>>>(params);
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

template <int kTile, typename Query, typename Out>
cudaError_t Launch256(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                      cudaStream_t stream) {
  using Kernel = Prefill256<kTile>;
  return Launch(Prefill256Kernel<kTile, Query, Out>, Kernel::kThreads, Kernel::kSharedBytes,
                {Kernel::kRows, kTile}, desc, sequences, stream);
}

template <typename Query, typename Out>
cudaError_t Launch512(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                      cudaStream_t stream) {
  using Kernel = Prefill512;
  return Launch(Prefill512Kernel<Query, Out>, Kernel::kThreads, Kernel::kSharedBytes,
                {Kernel::kRows, Kernel::kTile}, desc, sequences, stream);
}

template <typename Query, typename Out>
cudaError_t LaunchTyped(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                        cudaStream_t stream) {
  return desc.head_dim == 256 ? Launch256<kKeyTile256, Query, Out>(desc, sequences, stream)
                              : Launch512<Query, Out>(desc, sequences, stream);
}

template <typename Query>
cudaError_t LaunchQuery(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                        cudaStream_t stream) {
  return desc.out_type == ActivationType::kFloat32
             ? LaunchTyped<Query, float>(desc, sequences, stream)
             : LaunchTyped<Query, uint16_t>(desc, sequences, stream);
}

}  // namespace

cudaError_t AttentionPrefill(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                             cudaStream_t stream) {
  const bool fits = FitsTensorCores(desc.head_dim, desc.heads, desc.kv_heads, kPrefillTileRows);
  if (!fits) return AttentionPlain(desc, sequences, stream);
  return desc.query_type == ActivationType::kFloat32
             ? LaunchQuery<float>(desc, sequences, stream)
             : LaunchQuery<uint16_t>(desc, sequences, stream);
}

}  // namespace facet::cuda
