#include "tensor/e2m1.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace facet {
namespace {

/// The code by exhaustive search: the smallest distance, a tie to the even code.
uint8_t Nearest(float value) {
  // 100 is as far beyond the largest code as any larger number, and distances from it are exact.
  const double magnitude = std::min(100.0, std::fabs(static_cast<double>(value)));
  int best = 0;
  for (int code = 1; code < 8; ++code) {
    const double distance = std::fabs(magnitude - kE2m1Values[static_cast<size_t>(code)]);
    const double best_distance = std::fabs(magnitude - kE2m1Values[static_cast<size_t>(best)]);
    if (distance < best_distance || (distance == best_distance && code % 2 == 0)) best = code;
  }
  return static_cast<uint8_t>(best | (value < 0 ? 8 : 0));
}

/// Values from the format's definition: (-1)^s 2^(e-1) (1 + m/2), subnormals m/2.
TEST(E2m1Test, AllSixteenValues) {
  for (size_t code = 0; code < 16; ++code) {
    const auto exponent = static_cast<int>(code >> 1 & 3);
    const double mantissa = static_cast<double>(code & 1) / 2;
    const double magnitude = exponent == 0 ? mantissa : std::ldexp(1 + mantissa, exponent - 1);
    EXPECT_EQ(kE2m1Values[code], code < 8 ? magnitude : -magnitude) << code;
    EXPECT_EQ(std::signbit(kE2m1Values[code]), code >= 8) << code;
    EXPECT_EQ(kE2m1Doubled[code], 2 * kE2m1Values[code]) << code;
  }
}

TEST(E2m1Test, EveryCodeButNegativeZeroEncodesToItself) {
  for (uint8_t code = 0; code < 16; ++code) {
    EXPECT_EQ(E2m1FromFloat(kE2m1Values[code]), code == 8 ? 0 : code);
  }
}

/// Every BF16 value, and every threshold with its float neighbours, against the search.
TEST(E2m1Test, RoundsToNearestWithTiesToEven) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const float value = std::bit_cast<float>(bits << 16);
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(E2m1FromFloat(value), Nearest(value)) << value;
  }
  for (const float threshold : {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f, 6.0f}) {
    for (const float value :
         {std::nextafter(threshold, 0.0f), threshold, std::nextafter(threshold, 10.0f)}) {
      EXPECT_EQ(E2m1FromFloat(value), Nearest(value)) << value;
      EXPECT_EQ(E2m1FromFloat(-value), Nearest(-value)) << -value;
    }
  }
}

TEST(E2m1Test, SpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(E2m1FromFloat(infinity), 7);
  EXPECT_EQ(E2m1FromFloat(-infinity), 15);
  EXPECT_EQ(E2m1FromFloat(std::numeric_limits<float>::quiet_NaN()), 7);
  EXPECT_EQ(E2m1FromFloat(-0.0f), 0);
  EXPECT_EQ(E2m1FromFloat(-std::numeric_limits<float>::denorm_min()), 8);
}

TEST(E2m1Test, KeepingTheSignDiffersForNegativeZeroAlone) {
  EXPECT_EQ(E2m1FromFloatKeepingSign(-0.0f), 8);
  EXPECT_EQ(E2m1FromFloatKeepingSign(0.0f), 0);
  EXPECT_EQ(E2m1FromFloatKeepingSign(-std::numeric_limits<float>::quiet_NaN()), 7);
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const float value = std::bit_cast<float>(bits << 16);
    if (bits == 0x8000) continue;
    ASSERT_EQ(E2m1FromFloatKeepingSign(value), E2m1FromFloat(value)) << value;
  }
}

}  // namespace
}  // namespace facet
