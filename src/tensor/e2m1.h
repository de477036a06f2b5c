// E2M1, the format of NVFP4 elements: sign, 2 exponent bits (bias 1), 1 mantissa bit; no infinity,
// no NaN. docs/nvfp4.md, "Elements".
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace facet {

inline constexpr float kE2m1Max = 6.0f;

/// Values of the 16 codes.
inline constexpr std::array<float, 16> kE2m1Values = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,
                                                      4.0f,  6.0f,  -0.0f, -0.5f, -1.0f, -1.5f,
                                                      -2.0f, -3.0f, -4.0f, -6.0f};

/// Twice the values: small integers, so that products of a block are exact in integers.
inline constexpr std::array<int8_t, 16> kE2m1Doubled = {0, 1,  2,  3,  4,  6,  8,  12,
                                                        0, -1, -2, -3, -4, -6, -8, -12};

/// The nearest code, ties to the even mantissa, saturating at 6, as weights are converted. The sign
/// bit is (value < 0), a comparison: negatives that round to zero give code 8, -0.0 gives 0, NaN
/// gives 7.
constexpr uint8_t E2m1FromFloat(float value) {
  const bool negative = value < 0.0f;
  const float magnitude = negative ? -value : value;
  // Each comparison that fails moves one code up; NaN fails them all. "<=" where a tie goes down.
  int code = 7;
  if (magnitude <= 0.25f) {
    code = 0;
  } else if (magnitude < 0.75f) {
    code = 1;
  } else if (magnitude <= 1.25f) {
    code = 2;
  } else if (magnitude < 1.75f) {
    code = 3;
  } else if (magnitude <= 2.5f) {
    code = 4;
  } else if (magnitude < 3.5f) {
    code = 5;
  } else if (magnitude <= 5.0f) {
    code = 6;
  }
  return static_cast<uint8_t>(code | (negative ? 8 : 0));
}

/// The same rounding with the IEEE sign bit kept, -0.0 included (code 8), as hardware converts
/// activations; NaN gives 7.
constexpr uint8_t E2m1FromFloatKeepingSign(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint8_t magnitude = E2m1FromFloat(std::bit_cast<float>(bits & 0x7FFFFFFFu));
  const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
  return static_cast<uint8_t>(magnitude | (is_nan ? 0 : bits >> 31 << 3));
}

}  // namespace facet
