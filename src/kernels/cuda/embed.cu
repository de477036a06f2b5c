// Where a step begins: rows of the embedding table, and the rope angles of its positions.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"

namespace facet::cuda {

void CudaBackend::Embed(const Bf16Matrix& table, float scale, Matrix out) {
  const int32_t* ids = step_.ids();
  const uint16_t* values = table.data;
  const int64_t stride = StrideOf(table.cols);
  ForEach(stream_, out.rows * out.cols, [=] __device__(int64_t i) {
    const int64_t row = ids[i / out.cols];
    out.data[i] = scale * FloatFromBf16(values[row * stride + i % out.cols]);
  });
}

void CudaBackend::Angles(size_t kind, const RopeAngles& out) {
  const int64_t* positions = step_.positions();
  const double* frequencies = step_.frequencies(kind);
  const int64_t half = out.cosines.cols;
  float* cosines = out.cosines.data;
  float* sines = out.sines.data;
  ForEach(stream_, out.cosines.rows * half, [=] __device__(int64_t i) {
    double sine;
    double cosine;
    sincos(static_cast<double>(positions[i / half]) * frequencies[i % half], &sine, &cosine);
    cosines[i] = static_cast<float>(cosine);
    sines[i] = static_cast<float>(sine);
  });
}

}  // namespace facet::cuda
