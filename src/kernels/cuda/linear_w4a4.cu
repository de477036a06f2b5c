// The W4A4 product on cards without FP4 units. ref/linear_w4a4.cc says what. A code times its block
// scale has at most six significant bits: as BF16 numbers the quantized activations are exact, and
// so is every product; the sum is float32.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"

namespace facet::cuda {
namespace {

/// The exponent and mantissa bits of a code, as those of a BF16 number, are its value x 2^-126.
__device__ float FloatFromE2m1(uint32_t code) {
  return FloatFromBf16(static_cast<uint16_t>((code & 8u) << 12 | (code & 7u) << 6)) * 0x1.0p126f;
}

}  // namespace

void CudaBackend::LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) {
  const int64_t count = out.rows * x.cols;
  auto* inputs = static_cast<uint16_t*>(inputs_.Reserve(*this, count * 2));
  const uint8_t* codes = x.codes;
  const uint8_t* scales = x.block_scales;
  ForEach(stream_, count, [=] __device__(int64_t i) {
    const uint8_t byte = codes[i / 2];
    const float value = FloatFromE2m1(i % 2 == 0 ? byte & 0xFu : byte >> 4);
    inputs[i] = Bf16FromFloat(value * FloatFromE4m3(scales[i / kNvfp4Block]));
  });
  MultiplyNvfp4(weight, inputs, x.global_scale * weight.global_scale, out);
}

}  // namespace facet::cuda
