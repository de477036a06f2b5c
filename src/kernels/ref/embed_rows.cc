// Token embedding: a scaled row of the table per token.
#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

void RefBackend::EmbedRows(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
                           Matrix out) {
  for (int64_t t = 0; t < out.rows; ++t) {
    const uint16_t* source = table.data + ids[static_cast<size_t>(t)] * table.cols;
    for (int64_t i = 0; i < out.cols; ++i) out.row(t)[i] = FloatFromBf16(source[i]) * scale;
  }
}

}  // namespace facet
