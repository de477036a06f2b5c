// Rows of the embedding table. ref/embed.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"

namespace facet::cuda {

void CudaBackend::Embed(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
                        Matrix out) {
  const int32_t* rows = Upload(ids);
  const uint16_t* values = table.data;
  const int64_t stride = StrideOf(table.cols);
  ForEach(stream_, out.rows * out.cols, [=] __device__(int64_t i) {
    const int64_t row = rows[i / out.cols];
    out.data[i] = scale * FloatFromBf16(values[row * stride + i % out.cols]);
  });
}

}  // namespace facet::cuda
