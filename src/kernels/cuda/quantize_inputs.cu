// Activations to NVFP4 at run time, as the numbers that the codes state: a code times its block
// scale has at most six significant bits, so BF16 holds it, and a product of BF16 numbers is the
// W4A4 product. Each operation of tensor/nvfp4.h's ActivationScaleOf() rounds once, as in
// ref/quantize_activations.cc.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet::cuda {
namespace {

/// The largest magnitude as std::max finds it: NaN never wins.
__device__ float BlockAmax(const float (&values)[kNvfp4Block]) {
  float amax = 0;
  for (const float value : values) amax = amax < fabsf(value) ? fabsf(value) : amax;
  return amax;
}

/// The exponent and mantissa bits of a code, as those of a BF16 number, are its value x 2^-126.
__device__ float FloatFromE2m1(uint32_t code) {
  return FloatFromBf16(static_cast<uint16_t>((code & 8u) << 12 | (code & 7u) << 6)) * 0x1.0p126f;
}

__device__ void QuantizeBlock(const uint16_t* x, float input_scale, uint16_t* out) {
  constexpr float kSixth = 1.0f / 6.0f;
  float values[kNvfp4Block];
  for (int i = 0; i < kNvfp4Block; ++i) values[i] = FloatFromBf16(x[i]);
  const float inverse = __fdiv_rn(1.0f, input_scale);
  const float scale = FloatFromE4m3(
      E4m3FromFloatSaturating(__fmul_rn(inverse, __fmul_rn(BlockAmax(values), kSixth))));
  const float multiplier =
      scale != 0 ? __fdiv_rn(1.0f, __fmul_rn(scale, __fdiv_rn(1.0f, inverse))) : 0.0f;
  for (int i = 0; i < kNvfp4Block; ++i) {
    const uint8_t code = E2m1FromFloatKeepingSign(__fmul_rn(values[i], multiplier));
    out[i] = Bf16FromFloat(FloatFromE2m1(code) * scale);
  }
}

/// x, out: rows `stride` apart.
void QuantizeRows(cudaStream_t stream, const Activations& x, int64_t stride, float input_scale,
                  uint16_t* out) {
  const auto* values = static_cast<const uint16_t*>(x.data);
  const int64_t blocks = x.cols / kNvfp4Block;
  ForEach(stream, x.rows * blocks, [=] __device__(int64_t i) {
    const int64_t at = i / blocks * stride + i % blocks * kNvfp4Block;
    QuantizeBlock(values + at, input_scale, out + at);
  });
}

}  // namespace

void CudaBackend::QuantizeInput(const GroupInput& input, float input_scale) {
  QuantizeRows(stream_, input.x, StrideOf(input.x.cols), input_scale,
               static_cast<uint16_t*>(input.quantized));
}

}  // namespace facet::cuda
