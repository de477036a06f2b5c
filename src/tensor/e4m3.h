// E4M3FN, the format of block scales: 4 exponent bits (bias 7), 3 mantissa bits, no infinity, NaN
// 0x7F. docs/nvfp4.md, "Block scales".
#pragma once

#include <bit>
#include <cstdint>

namespace facet {

inline constexpr uint8_t kE4m3Nan = 0x7F;
inline constexpr float kE4m3Max = 448.0f;             // byte 0x7E
inline constexpr float kE4m3MinPositive = 0x1.0p-9f;  // byte 0x01
inline constexpr uint8_t kE4m3One = 0x38;

constexpr bool IsE4m3Nan(uint8_t bits) { return (bits & 0x7Fu) == kE4m3Nan; }

constexpr float FloatFromE4m3(uint8_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x80u) << 24;
  if (IsE4m3Nan(bits)) return std::bit_cast<float>(0x7FC00000u | sign);
  const uint32_t exponent = (bits >> 3) & 0xFu;
  const uint32_t mantissa = bits & 0x7u;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * kE4m3MinPositive;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  return std::bit_cast<float>(sign | ((exponent + 120u) << 23) |
                              (mantissa << 20));  // 127 - 7 = 120
}

/// Nearest, ties to even, not saturating, as PyTorch casts: |value| > 464 and NaN give NaN (0x7F).
constexpr uint8_t E4m3FromFloat(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint8_t>((bits >> 24) & 0x80u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  constexpr auto kOverflow =
      std::bit_cast<uint32_t>(464.0f);  // midway from 448 to the NaN slot, 480
  if (magnitude > 0x7F800000u) return kE4m3Nan;
  if (magnitude > kOverflow) return static_cast<uint8_t>(sign | kE4m3Nan);
  constexpr auto kMinNormal = std::bit_cast<uint32_t>(0x1.0p-6f);
  if (magnitude < kMinNormal) {
    // Adding 2^14 makes the float adder round to a multiple of 2^-9, nearest-even.
    constexpr float kShift = 0x1.0p14f;
    const float rounded = std::bit_cast<float>(magnitude) + kShift;
    return static_cast<uint8_t>(
        sign | (std::bit_cast<uint32_t>(rounded) - std::bit_cast<uint32_t>(kShift)));
  }
  const uint32_t rounded = magnitude + 0x7FFFFu + ((magnitude >> 20) & 1u);
  const uint32_t code = (rounded >> 20) - (120u << 3);
  return static_cast<uint8_t>(sign | (code > 0x7Eu ? 0x7Eu : code));
}

/// Nearest, ties to even, saturating at 448: what kernels that quantize activations use.
constexpr uint8_t E4m3FromFloatSaturating(float value) {
  const float clamped = value > kE4m3Max ? kE4m3Max : value < -kE4m3Max ? -kE4m3Max : value;
  return E4m3FromFloat(clamped);
}

}  // namespace facet
