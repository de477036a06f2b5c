// Attention of a step: which kernel takes which sequences. kernels/step.h says what.
#include "kernels/cuda/attention.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace facet::cuda {

void CudaBackend::Attend(const AttentionStep& step) {
  const AttentionDesc desc{.heads = step.shape.heads,
                           .kv_heads = step.shape.kv_heads,
                           .head_dim = step.shape.head_dim,
                           .window = step.shape.window,
                           .query = step.query.data,
                           .query_type = ActivationType::kBf16,
                           .out = step.out.data,
                           .out_type = ActivationType::kBf16};
  const std::vector<CacheSequence> many = step_.ManyRows(step.layer, step.sees_images_whole);
  if (!many.empty()) Check(AttentionPrefill(desc, many, stream_));
  if (step_.few_row_count() > 0) AttendFewRows(desc, step.layer);
}

void CudaBackend::AttendFewRows(const AttentionDesc& shape, size_t layer) {
  const CacheSequence* sequences = step_.few_rows(layer);
  for (int64_t first = 0; first < step_.few_row_count(); first += kMaxDecodeSequences) {
    AttentionDecodeDesc desc{.shape = shape,
                             .sequences = sequences + first,
                             .count = std::min(step_.few_row_count() - first, kMaxDecodeSequences),
                             .max_rows = step_.few_row_limit(),
                             .max_depth = DepthBucket()};
    desc.scratch = attention_scratch_.Reserve(*this, AttentionDecodeScratchBytes(desc));
    Check(AttentionDecode(desc, stream_));
  }
}

}  // namespace facet::cuda
