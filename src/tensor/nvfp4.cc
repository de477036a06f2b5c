#include "tensor/nvfp4.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

constexpr float kReciprocalOfRange = std::bit_cast<float>(0x39C30C31u);  // f32(1/2688)
constexpr float kSixth = 1.0f / 6.0f;

float BlockAmax(std::span<const float, kNvfp4Block> values) {
  float amax = 0;
  for (const float value : values) amax = std::max(amax, std::fabs(value));
  return amax;
}

}  // namespace

float GlobalScale(float amax, DivisionProfile division) {
  return division == DivisionProfile::kDiv ? amax / kNvfp4Range : amax * kReciprocalOfRange;
}

uint8_t WeightScale(float block_amax, float global_scale, ModeloptCompat compat) {
  const float divisor = kE2m1Max * global_scale;
  float scale = block_amax / divisor;
  if (scale == 0) scale = 1;
  if (compat == ModeloptCompat::k045) scale = std::clamp(scale, kE4m3MinPositive, kE4m3Max);
  return E4m3FromFloat(scale);
}

ActivationScale ActivationScaleOf(float block_amax, float input_scale) {
  const float inverse = 1.0f / input_scale;
  ActivationScale result;
  result.scale = E4m3FromFloatSaturating(inverse * (block_amax * kSixth));
  const float scale = FloatFromE4m3(result.scale);
  result.multiplier = scale != 0 ? 1.0f / (scale * (1.0f / inverse)) : 0.0f;
  return result;
}

QuantizedBlock QuantizeWeightBlock(std::span<const float, kNvfp4Block> values, float global_scale,
                                   ModeloptCompat compat) {
  QuantizedBlock block;
  block.scale = WeightScale(BlockAmax(values), global_scale, compat);
  const float denominator = FloatFromE4m3(block.scale) * global_scale;
  for (size_t i = 0; i < kNvfp4Block; ++i) block.codes[i] = E2m1FromFloat(values[i] / denominator);
  return block;
}

QuantizedBlock QuantizeActivationBlock(std::span<const float, kNvfp4Block> values,
                                       float input_scale) {
  const ActivationScale scale = ActivationScaleOf(BlockAmax(values), input_scale);
  QuantizedBlock block;
  block.scale = scale.scale;
  for (size_t i = 0; i < kNvfp4Block; ++i)
    block.codes[i] = E2m1FromFloatKeepingSign(values[i] * scale.multiplier);
  return block;
}

float DequantizeElement(uint8_t code, uint8_t block_scale, float global_scale) {
  const float scale = FloatFromE4m3(block_scale) * global_scale;
  return kE2m1Values[code] * scale;
}

void DequantizeRow(const Nvfp4Matrix& matrix, int64_t row, std::span<float> out) {
  FACET_CHECK(static_cast<int64_t>(out.size()) == matrix.cols);
  const uint8_t* codes = matrix.codes + row * matrix.cols / 2;
  const uint8_t* scales = matrix.block_scales + row * matrix.cols / kNvfp4Block;
  for (int64_t col = 0; col < matrix.cols; ++col) {
    const uint8_t byte = codes[col / 2];
    const auto code = static_cast<uint8_t>(col % 2 == 0 ? byte & 0xF : byte >> 4);
    out[static_cast<size_t>(col)] =
        DequantizeElement(code, scales[col / kNvfp4Block], matrix.global_scale);
  }
}

}  // namespace facet
