// BF16: the upper half of a binary32. Conversions round to nearest, ties to even, as the reference
// does.
#pragma once

#include <bit>
#include <cstdint>

namespace facet {

constexpr float FloatFromBf16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// NaN stays NaN (quiet, sign kept); overflow gives infinity.
constexpr uint16_t Bf16FromFloat(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/// `value` rounded to BF16 and widened again.
constexpr float RoundToBf16(float value) { return FloatFromBf16(Bf16FromFloat(value)); }

}  // namespace facet
