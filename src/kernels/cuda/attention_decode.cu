// Launchers of decode attention (attention.h).
#include <algorithm>

#include "kernels/cuda/attention_decode_kernel.cuh"
#include "kernels/cuda/attention_merge.cuh"

namespace facet::cuda {
namespace {

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
  const int64_t splits = std::min<int64_t>(kMaxSplits, (span + kMinSplit - 1) / kMinSplit);
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
  params.stored_rows = static_cast<int>(StoredRows(desc));
  params.outputs = static_cast<float*>(desc.scratch);
  params.states = reinterpret_cast<float2*>(params.outputs + MaxItems(desc) * StoredRows(desc) *
                                                                 desc.shape.head_dim);
  return desc.shape.query_type == ActivationType::kFloat32
             ? LaunchQuery<float>(desc, params, stream)
             : LaunchQuery<uint16_t>(desc, params, stream);
}

}  // namespace facet::cuda
