// Activations to NVFP4 at run time, the same bytes as ref/quantize_activations.cc: each operation
// of tensor/nvfp4.h's ActivationScaleOf() rounded once.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet::cuda {
namespace {

/// The largest magnitude as std::max finds it: NaN never wins.
__device__ float BlockAmax(const float* values) {
  float amax = 0;
  for (int i = 0; i < kNvfp4Block; ++i) amax = amax < fabsf(values[i]) ? fabsf(values[i]) : amax;
  return amax;
}

__device__ void QuantizeBlock(const float* values, float input_scale, uint8_t* codes,
                              uint8_t* block_scale) {
  constexpr float kSixth = 1.0f / 6.0f;
  const float inverse = __fdiv_rn(1.0f, input_scale);
  const uint8_t bits =
      E4m3FromFloatSaturating(__fmul_rn(inverse, __fmul_rn(BlockAmax(values), kSixth)));
  const float scale = FloatFromE4m3(bits);
  const float multiplier =
      scale != 0 ? __fdiv_rn(1.0f, __fmul_rn(scale, __fdiv_rn(1.0f, inverse))) : 0.0f;
  *block_scale = bits;
  for (int i = 0; i < kNvfp4Block / 2; ++i) {
    const uint8_t even = E2m1FromFloatKeepingSign(__fmul_rn(values[2 * i], multiplier));
    const uint8_t odd = E2m1FromFloatKeepingSign(__fmul_rn(values[2 * i + 1], multiplier));
    codes[i] = static_cast<uint8_t>(even | odd << 4);
  }
}

}  // namespace

void CudaBackend::QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                                      uint8_t* block_scales) {
  ForEach(stream_, x.rows * x.cols / kNvfp4Block, [=] __device__(int64_t block) {
    QuantizeBlock(x.data + block * kNvfp4Block, input_scale, codes + block * kNvfp4Block / 2,
                  block_scales + block);
  });
}

}  // namespace facet::cuda
