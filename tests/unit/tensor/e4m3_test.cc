#include "tensor/e4m3.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace facet {
namespace {

/// A byte's value from the format's definition: bias 7, 3 mantissa bits.
double Defined(uint8_t bits) {
  const int exponent = bits >> 3 & 0xF;
  const int mantissa = bits & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

/// The byte by exhaustive search over the 127 magnitudes and the NaN slot, whose value would be
/// 480: smallest distance, ties to the even byte; the slot and beyond are NaN.
uint8_t Nearest(float value) {
  // 1000 is NaN as any larger number is, and distances from it are exact.
  const double magnitude = std::min(1000.0, std::fabs(static_cast<double>(value)));
  uint8_t best = 0;
  double best_distance = magnitude;
  for (uint8_t bits = 1; bits <= 0x7F; ++bits) {
    const double distance = std::fabs(magnitude - Defined(bits));
    if (distance < best_distance || (distance == best_distance && bits % 2 == 0)) {
      best = bits;
      best_distance = distance;
    }
  }
  return static_cast<uint8_t>(best | (std::signbit(value) ? 0x80 : 0));
}

TEST(E4m3Test, AllValues) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto byte = static_cast<uint8_t>(bits);
    const float value = FloatFromE4m3(byte);
    if ((bits & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(IsE4m3Nan(byte));
    } else {
      EXPECT_EQ(value, Defined(byte)) << bits;
      EXPECT_EQ(std::signbit(value), bits >= 128) << bits;
      EXPECT_FALSE(IsE4m3Nan(byte));
    }
  }
  EXPECT_EQ(FloatFromE4m3(0x7E), kE4m3Max);
  EXPECT_EQ(FloatFromE4m3(0x01), kE4m3MinPositive);
  EXPECT_EQ(FloatFromE4m3(kE4m3One), 1.0f);
}

TEST(E4m3Test, EveryValueEncodesToItself) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto byte = static_cast<uint8_t>(bits);
    EXPECT_EQ(E4m3FromFloat(FloatFromE4m3(byte)), IsE4m3Nan(byte) ? kE4m3Nan : byte) << bits;
  }
}

/// Values, midpoints and the floats beside both; and all BF16 values.
TEST(E4m3Test, RoundsToNearestWithTiesToEven) {
  std::vector<float> values;
  for (uint8_t bits = 0; bits < 0x7F; ++bits) {
    const auto value = static_cast<float>(Defined(bits));
    const auto middle =
        static_cast<float>((Defined(bits) + Defined(static_cast<uint8_t>(bits + 1))) / 2);
    for (const float around : {value, middle}) {
      values.push_back(std::nextafter(around, 0.0f));
      values.push_back(around);
      values.push_back(std::nextafter(around, 1000.0f));
    }
  }
  for (uint32_t bits = 0; bits < 0x7F80; ++bits) values.push_back(std::bit_cast<float>(bits << 16));
  for (const float value : values) {
    ASSERT_EQ(E4m3FromFloat(value), Nearest(value)) << value;
    ASSERT_EQ(E4m3FromFloat(-value), Nearest(-value)) << -value;
  }
}

TEST(E4m3Test, OverflowIsNanUnlessSaturating) {
  const float above = std::nextafter(464.0f, 1000.0f);
  EXPECT_EQ(E4m3FromFloat(464.0f), 0x7E);
  EXPECT_EQ(E4m3FromFloat(above), kE4m3Nan);
  EXPECT_EQ(E4m3FromFloat(-above), 0xFF);
  EXPECT_EQ(E4m3FromFloat(std::numeric_limits<float>::infinity()), kE4m3Nan);
  EXPECT_EQ(E4m3FromFloat(std::numeric_limits<float>::quiet_NaN()), kE4m3Nan);
  EXPECT_EQ(E4m3FromFloatSaturating(above), 0x7E);
  EXPECT_EQ(E4m3FromFloatSaturating(-1e30f), 0xFE);
  EXPECT_EQ(E4m3FromFloatSaturating(std::numeric_limits<float>::infinity()), 0x7E);
  EXPECT_EQ(E4m3FromFloatSaturating(0.3f), Nearest(0.3f));
}

TEST(E4m3Test, UnderflowTiesToZero) {
  EXPECT_EQ(E4m3FromFloat(0x1.0p-10f), 0x00);
  EXPECT_EQ(E4m3FromFloat(std::nextafter(0x1.0p-10f, 1.0f)), 0x01);
  EXPECT_EQ(E4m3FromFloat(std::numeric_limits<float>::denorm_min()), 0x00);
  EXPECT_EQ(E4m3FromFloat(-0.0f), 0x80);
}

}  // namespace
}  // namespace facet
