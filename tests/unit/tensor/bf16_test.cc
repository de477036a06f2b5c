#include "tensor/bf16.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace facet {
namespace {

float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

/// Every finite BF16 value rounds to itself, and so do both infinities.
TEST(Bf16Test, AllValuesSurviveARoundTrip) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const float value = FloatFromBf16(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    if (std::isnan(value)) {
      const float again = RoundToBf16(value);
      EXPECT_TRUE(std::isnan(again)) << bits;
      EXPECT_EQ(std::signbit(again), std::signbit(value)) << bits;
    } else {
      EXPECT_EQ(Bf16FromFloat(value), bits);
    }
  }
}

/// Between each pair of neighbours: below the middle down, above it up, the middle to the even one.
TEST(Bf16Test, RoundsToNearestWithTiesToEven) {
  for (uint32_t lower = 0; lower < 0x7F80; ++lower) {
    const uint32_t middle = (lower << 16) | 0x8000u;
    const auto even = static_cast<uint16_t>(lower + (lower & 1u));
    EXPECT_EQ(Bf16FromFloat(FromBits(middle - 1)), lower);
    EXPECT_EQ(Bf16FromFloat(FromBits(middle)), even);
    EXPECT_EQ(Bf16FromFloat(FromBits(middle + 1)), lower + 1);
    EXPECT_EQ(Bf16FromFloat(FromBits(0x80000000u | middle)), 0x8000u | even);
  }
}

TEST(Bf16Test, OverflowIsInfinityAndNanStaysNan) {
  EXPECT_EQ(Bf16FromFloat(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(Bf16FromFloat(-std::numeric_limits<float>::max()), 0xFF80);
  EXPECT_EQ(Bf16FromFloat(std::numeric_limits<float>::infinity()), 0x7F80);
  // A NaN whose payload is only in the lower half must not become an infinity.
  EXPECT_TRUE(std::isnan(RoundToBf16(FromBits(0x7F800001u))));
}

}  // namespace
}  // namespace facet
