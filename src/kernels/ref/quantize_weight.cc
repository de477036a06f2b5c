// A BF16 weight to NVFP4, and the largest magnitude that its global scale is made from.
#include <cmath>
#include <limits>

#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

float RefBackend::AbsMax(const Bf16Matrix& weight) {
  float largest = 0;
  for (int64_t i = 0; i < weight.rows * weight.cols; ++i) {
    const float magnitude = std::fabs(FloatFromBf16(weight.data[i]));
    if (std::isnan(magnitude)) return std::numeric_limits<float>::quiet_NaN();
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

void RefBackend::QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                                uint8_t* codes, uint8_t* block_scales) {
  for (int64_t block = 0; block < weight.rows * weight.cols / kNvfp4Block; ++block) {
    float values[kNvfp4Block];
    for (int64_t i = 0; i < kNvfp4Block; ++i)
      values[i] = FloatFromBf16(weight.data[block * kNvfp4Block + i]);
    const QuantizedBlock quantized = QuantizeWeightBlock(values, global_scale, compat);
    block_scales[block] = quantized.scale;
    for (int64_t i = 0; i < kNvfp4Block / 2; ++i) {
      codes[block * kNvfp4Block / 2 + i] =
          static_cast<uint8_t>(quantized.codes[2 * i] | quantized.codes[2 * i + 1] << 4);
    }
  }
}

}  // namespace facet
