// The position of an image patch. ref/add_positions.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"

namespace facet::cuda {

void CudaBackend::AddPositions(const uint16_t* table, std::span<const int32_t> positions,
                               Matrix x) {
  const int32_t* pairs = Upload(positions);
  ForEach(stream_, x.rows * x.cols, [=] __device__(int64_t index) {
    const int64_t token = index / x.cols;
    const int64_t i = index % x.cols;
    const int64_t column = pairs[2 * token];
    const int64_t row = pairs[2 * token + 1];
    x.data[index] += FloatFromBf16(table[2 * column * x.cols + i]) +
                     FloatFromBf16(table[(2 * row + 1) * x.cols + i]);
  });
}

}  // namespace facet::cuda
