// Rotary position embedding. ref/rope.cc says what.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"

namespace facet::cuda {

void CudaBackend::Rope(Matrix x, const RopeAngles& angles) {
  const int64_t half = angles.cosines.cols;
  const float* cosines = angles.cosines.data;
  const float* sines = angles.sines.data;
  const int64_t pairs = x.cols / 2;  // of a row
  ForEach(stream_, x.rows * pairs, [=] __device__(int64_t index) {
    const int64_t token = index / pairs;
    const int64_t i = index % half;
    float* first = x.data + token * x.cols + index % pairs / half * 2 * half + i;
    const float a = first[0];
    const float b = first[half];
    const float c = cosines[token * half + i];
    const float s = sines[token * half + i];
    first[0] = a * c - b * s;
    first[half] = b * c + a * s;
  });
}

}  // namespace facet::cuda
