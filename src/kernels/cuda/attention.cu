// Attention and the cache: which kernel takes which shape. ref/attention.cc says what.
#include <vector>

#include "kernels/cuda/append_cache.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace facet::cuda {

void CudaBackend::AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                              void* cache) {
  // Rows more than one turn of the ring before the end would be overwritten.
  const int64_t skipped = rows.rows > capacity ? rows.rows - capacity : 0;
  Check(cuda::AppendCache(rows.row(skipped), rows.rows - skipped, rows.cols,
                          first_position + skipped, capacity, static_cast<uint16_t*>(cache),
                          stream_));
}

void CudaBackend::Attention(const AttentionShape& shape,
                            std::span<const AttentionSequence> sequences, ConstMatrix query,
                            Matrix out) {
  std::vector<CacheSequence> cached;
  for (const AttentionSequence& sequence : sequences) {
    cached.push_back({.keys = static_cast<const uint16_t*>(sequence.keys),
                      .values = static_cast<const uint16_t*>(sequence.values),
                      .capacity = sequence.capacity,
                      .first_row = sequence.first_row,
                      .rows = sequence.rows,
                      .first_position = sequence.first_position,
                      .visible_end = sequence.visible_end});
  }
  const AttentionDesc desc{.heads = shape.heads,
                           .kv_heads = shape.kv_heads,
                           .head_dim = shape.head_dim,
                           .window = shape.window,
                           .query = query.data,
                           .query_type = ActivationType::kFloat32,
                           .out = out.data,
                           .out_type = ActivationType::kFloat32};
  Check(AttentionPrefill(desc, cached, stream_));
}

}  // namespace facet::cuda
