// NVFP4: value = E2M1 code x E4M3 block scale x float32 global scale, one block scale for 16 values
// along a row. The arithmetic here is the definition; kernels must agree with it bit by bit.
// docs/nvfp4.md explains.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace facet {

inline constexpr int64_t kNvfp4Block = 16;  ///< values that share a block scale
/// Largest value that codes and block scales can state, 6 x 448: global scale = amax / 2688.
inline constexpr float kNvfp4Range = 2688.0f;

/// A BF16 matrix [rows, cols], row-major, owned elsewhere (usually a mapped file).
struct Bf16Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  const uint16_t* data = nullptr;
};

/// An NVFP4 matrix [rows, cols], owned elsewhere. cols is a multiple of 16.
struct Nvfp4Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  const uint8_t* codes = nullptr;  ///< [rows, cols / 2]; element 2j in the low nibble of byte j
  const uint8_t* block_scales = nullptr;  ///< [rows, cols / 16], E4M3, never NaN (checked at load)
  float global_scale = 1;                 ///< a multiplier, whatever the file stores
  std::optional<float> input_scale;  ///< amax of the calibrated input / 2688; absent: W4A16 only
};

/// The weight of a linear layer [out_features, in_features]: the only place where a layer's
/// precision differs.
using Weight = std::variant<Bf16Matrix, Nvfp4Matrix>;

inline int64_t RowsOf(const Weight& weight) {
  return std::visit([](const auto& matrix) { return matrix.rows; }, weight);
}
inline int64_t ColsOf(const Weight& weight) {
  return std::visit([](const auto& matrix) { return matrix.cols; }, weight);
}

/// How amax / 2688 is rounded. PyTorch divides on a CPU, but on a CUDA device multiplies by the
/// rounded reciprocal when the divisor is a host scalar; the results differ by one ulp for a fifth
/// of all inputs.
enum class DivisionProfile { kDiv, kMulRcp };

/// Which release of modelopt a quantization reproduces: 0.44 casts block scales without clamping,
/// 0.45 and later clamp them to [2^-9, 448] first.
enum class ModeloptCompat { k044, k045 };

struct Nvfp4Profile {
  DivisionProfile division = DivisionProfile::kMulRcp;
  ModeloptCompat compat = ModeloptCompat::k045;
};

/// amax / 2688 in the profile's rounding: a weight's global scale, or an input scale.
float GlobalScale(float amax, DivisionProfile division);

/// A block's scale byte and its 16 codes, one a byte.
struct QuantizedBlock {
  uint8_t scale = 0;
  uint8_t codes[kNvfp4Block] = {};
};

/// A weight block's scale byte from its largest magnitude.
uint8_t WeightScale(float block_amax, float global_scale, ModeloptCompat compat);

/// An activation block's scale byte, and what its values are multiplied by before their codes are
/// taken.
struct ActivationScale {
  uint8_t scale = 0;
  float multiplier = 0;
};
ActivationScale ActivationScaleOf(float block_amax, float input_scale);

/// One weight block, with modelopt's arithmetic to the bit. `values` are BF16 values widened to
/// float. An all-zero block gets scale 1.0. A global scale of 0, or (compat 0.44) one taken from an
/// amax smaller than the block's, gives the NaN byte as modelopt does: writers choose global scales
/// that cannot (quant/).
QuantizedBlock QuantizeWeightBlock(std::span<const float, kNvfp4Block> values, float global_scale,
                                   ModeloptCompat compat);

/// One activation block at run time: g = 1 / input_scale, scale = E4M3_saturating(g * (amax *
/// (1/6))), codes of value * (1 / (scale * (1/g))), or of value * 0 where the scale is 0; each
/// operation rounded once, the product's sign bit kept (-0.0 gives code 8, unlike in a weight). All
/// zero: scale 0.
QuantizedBlock QuantizeActivationBlock(std::span<const float, kNvfp4Block> values,
                                       float input_scale);

/// An element's value: f32(E2M1 x f32(E4M3 x global)), the reference's order of roundings.
float DequantizeElement(uint8_t code, uint8_t block_scale, float global_scale);

/// Row `row` of a matrix to out[cols].
void DequantizeRow(const Nvfp4Matrix& matrix, int64_t row, std::span<float> out);

}  // namespace facet
