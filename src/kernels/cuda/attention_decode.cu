// Launchers of decode attention (attention.h).
#include <algorithm>

#include "kernels/cuda/attention_decode_kernel.cuh"
#include "kernels/cuda/attention_merge.cuh"
#include "kernels/cuda/launch.cuh"

namespace facet::cuda {
namespace {

bool Fits(const AttentionDesc& shape) {
  return FitsTensorCores(shape.head_dim, shape.heads, shape.kv_heads, kItemRows);
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
  const int64_t splits = std::min<int64_t>(kMaxSplits, (span + kMinSplit - 1) / kMinSplit);
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t tiles = (desc.max_rows * group + kItemRows - 1) / kItemRows;
  return desc.count * tiles * splits * shape.kv_heads;
}

template <int kHeadDim, typename Query, typename Out>
cudaError_t LaunchTyped(const AttentionDecodeDesc& desc, const DecodeParams& params,
                        cudaStream_t stream) {
  constexpr int kShared = sizeof(typename Decode<kHeadDim>::Shared);
  static_assert(kShared <= 227 * 1024);
  int processors = 0;
  cudaError_t error = MultiprocessorCount(&processors);
  if (error != cudaSuccess) return error;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(MaxItems(desc), int64_t{processors}));
  error = LaunchKernel(
      AttentionDecodeKernel<kHeadDim, Query>,
      {.grid = dim3(blocks), .threads = kThreads, .shared_bytes = kShared, .programmatic = true},
      stream, params);
  if (error != cudaSuccess) return error;
  return LaunchKernel(AttentionMergeKernel<kHeadDim, Out>,
                      {.grid = dim3(static_cast<unsigned>(desc.max_rows * desc.shape.heads),
                                    kHeadDim / kMergeColumns, static_cast<unsigned>(desc.count)),
                       .threads = kMergeThreads,
                       .programmatic = true},
                      stream, params);
}

template <typename Query, typename Out>
cudaError_t LaunchHeadDim(const AttentionDecodeDesc& desc, const DecodeParams& params,
                          cudaStream_t stream) {
  return desc.shape.head_dim == 256 ? LaunchTyped<256, Query, Out>(desc, params, stream)
                                    : LaunchTyped<512, Query, Out>(desc, params, stream);
}

template <typename Query>
cudaError_t LaunchQuery(const AttentionDecodeDesc& desc, const DecodeParams& params,
                        cudaStream_t stream) {
  return desc.shape.out_type == ActivationType::kFloat32
             ? LaunchHeadDim<Query, float>(desc, params, stream)
             : LaunchHeadDim<Query, uint16_t>(desc, params, stream);
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
  params.stored_rows = static_cast<int>(StoredRows(desc));
  params.outputs = static_cast<float*>(desc.scratch);
  params.states = reinterpret_cast<float2*>(params.outputs + MaxItems(desc) * StoredRows(desc) *
                                                                 desc.shape.head_dim);
  return desc.shape.query_type == ActivationType::kFloat32
             ? LaunchQuery<float>(desc, params, stream)
             : LaunchQuery<uint16_t>(desc, params, stream);
}

}  // namespace facet::cuda
