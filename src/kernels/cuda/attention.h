// Softmax attention on CUDA: what backend.h's Attention says, over BF16 caches. Scale 1.0, no soft
// cap; a query row at position p sees [max(0, p - window + 1), visible_end). All pointers inside
// the structs are device pointers unless a comment says otherwise. Launchers neither allocate nor
// synchronize; same inputs give the same bits, whatever else is in the batch.
#pragma once

#include <cstdint>
#include <span>

#include <cuda_runtime_api.h>

namespace facet::cuda {

enum class ActivationType { kFloat32, kBf16 };

/// One sequence's part of an attention call (backend.h, AttentionSequence, with a BF16 cache).
struct CacheSequence {
  /// BF16 [capacity][kv_heads][head_dim], 16-byte aligned; position p is in row p % capacity. The
  /// sequence's new rows are already there. No row is read that no query row sees, except by copy
  /// engines whose result is then thrown away: unseen rows may hold anything.
  const uint16_t* keys = nullptr;
  const uint16_t* values = nullptr;
  int64_t capacity = 0;
  int64_t first_row = 0;       ///< its first row in query and out
  int64_t rows = 0;            ///< its query rows, consecutive positions
  int64_t first_position = 0;  ///< position of its first query row
  /// [rows]: one past the last position that the row sees; null: position + 1 (causal).
  const int64_t* visible_end = nullptr;
};

struct AttentionDesc {
  int64_t heads = 0;
  int64_t kv_heads = 0;  ///< query head h reads key/value head h / (heads / kv_heads)
  int64_t head_dim = 0;
  int64_t window = 0;  ///< 0: no limit
  /// query, out: [rows, heads * head_dim], 16-byte aligned, must not overlap.
  const void* query = nullptr;
  ActivationType query_type = ActivationType::kFloat32;
  void* out = nullptr;
  ActivationType out_type = ActivationType::kFloat32;
};

/// Many query rows a sequence. `sequences` is host memory, read before the call returns: the launch
/// carries its contents. Tensor cores for head_dim 256 and 512 where heads / kv_heads divides 64,
/// the plain kernel otherwise. Probabilities are rounded to BF16 before they meet the values; sums
/// are float32.
cudaError_t AttentionPrefill(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                             cudaStream_t stream);

/// The plain kernel: any shape with head_dim up to 1024, float32 arithmetic. `sequences` as in
/// AttentionPrefill.
cudaError_t AttentionPlain(const AttentionDesc& desc, std::span<const CacheSequence> sequences,
                           cudaStream_t stream);

/// The same with `sequences` in device memory [count], none of more than max_rows rows.
cudaError_t AttentionPlainFromDevice(const AttentionDesc& desc, const CacheSequence* sequences,
                                     int64_t count, int64_t max_rows, cudaStream_t stream);

inline constexpr int64_t kMaxDecodeSequences = 128;
inline constexpr int64_t kMaxDecodeRows = 64;

/// Few query rows a sequence, long caches: the cache is split over the chip and the parts are
/// merged in a fixed order. The split depends on nothing but the sequence's own span.
struct AttentionDecodeDesc {
  AttentionDesc shape;
  /// Device memory [count]: read when the kernel runs, so that a captured graph can be replayed
  /// with new positions.
  const CacheSequence* sequences = nullptr;
  int64_t count = 0;     ///< 1 to kMaxDecodeSequences
  int64_t max_rows = 1;  ///< no sequence has more rows; 1 to kMaxDecodeRows
  /// No sequence reaches past this many positions: sizes the grid and the scratch.
  int64_t max_depth = 0;
  void* scratch = nullptr;  ///< AttentionDecodeScratchBytes, 16-byte aligned
};

/// Bytes of scratch for a desc; `scratch` and the sequences' contents are not looked at. Does not
/// fall when count, max_rows or max_depth grow.
int64_t AttentionDecodeScratchBytes(const AttentionDecodeDesc& desc);

/// Tensor cores for head_dim 256 and 512 where heads / kv_heads divides 16, the plain kernel
/// otherwise. Launched with programmatic stream serialization: `sequences`, and cache rows of
/// positions before a sequence's first, are read while the kernels before still run, so something
/// in the stream must have waited for what wrote them.
cudaError_t AttentionDecode(const AttentionDecodeDesc& desc, cudaStream_t stream);

}  // namespace facet::cuda
