// Properties of the NVFP4 arithmetic that hold for any input; exact bytes are in
// nvfp4_vectors_test.cc.
#include "tensor/nvfp4.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "base/random.h"
#include "tensor/bf16.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

using Block = std::array<float, kNvfp4Block>;

/// BF16 values of a wide range of magnitudes.
Block RandomBlock(uint64_t seed) {
  Block block;
  for (size_t i = 0; i < block.size(); ++i) {
    const double sign = RandomUnit(seed, 2 * i) < 0.5 ? -1 : 1;
    const double magnitude = std::exp2(-12 * RandomUnit(seed, 2 * i + 1));
    block[i] = RoundToBf16(static_cast<float>(sign * magnitude));
  }
  return block;
}

float Amax(const Block& block) {
  float amax = 0;
  for (const float value : block) amax = std::max(amax, std::fabs(value));
  return amax;
}

TEST(Nvfp4Test, ProfilesOfDivisionDifferByAtMostOneUlp) {
  int different = 0;
  for (uint32_t bits = 0x3C00; bits < 0x4600; ++bits) {
    const float amax = FloatFromBf16(static_cast<uint16_t>(bits));
    const float div = GlobalScale(amax, DivisionProfile::kDiv);
    const float mul = GlobalScale(amax, DivisionProfile::kMulRcp);
    EXPECT_EQ(div, static_cast<float>(static_cast<double>(amax) / 2688.0));
    const auto ulps = static_cast<int64_t>(std::bit_cast<uint32_t>(div)) -
                      static_cast<int64_t>(std::bit_cast<uint32_t>(mul));
    EXPECT_LE(std::abs(ulps), 1);
    different += ulps != 0 ? 1 : 0;
  }
  // 21.9 % of 2,560 values, as counted by the independent implementation behind the vectors.
  EXPECT_EQ(different, 560);
}

/// Half a step of the nearest codes at the block's own scale, plus what saturation may cut: the
/// scale's rounding is at most 1/16.
TEST(Nvfp4Test, ErrorStaysWithinHalfAStep) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Block block = RandomBlock(seed);
    const float global = GlobalScale(4 * Amax(block), DivisionProfile::kDiv);
    const QuantizedBlock quantized = QuantizeWeightBlock(block, global, ModeloptCompat::k045);
    const float unit = FloatFromE4m3(quantized.scale) * global;
    for (size_t i = 0; i < block.size(); ++i) {
      const float value = DequantizeElement(quantized.codes[i], quantized.scale, global);
      const float magnitude = std::fabs(block[i]) / unit;
      const float step = magnitude <= 2 ? 0.25f : magnitude <= 4 ? 0.5f : 1.0f;
      EXPECT_LE(std::fabs(value - block[i]), unit * step * 1.0001f) << seed << " " << i;
    }
  }
}

/// Quantizing what came out gives the same codes and scale wherever the block's largest code is 6;
/// elsewhere the block's maximum has moved and with it the scale.
TEST(Nvfp4Test, DequantizedValuesQuantizeToThemselves) {
  int same_maximum = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Block block = RandomBlock(seed);
    const float global = 0x1.0p-12f;  // a power of two: values in float32 carry no rounding
    const QuantizedBlock once = QuantizeWeightBlock(block, global, ModeloptCompat::k045);
    Block values;
    bool reaches_six = false;
    for (size_t i = 0; i < block.size(); ++i) {
      values[i] = DequantizeElement(once.codes[i], once.scale, global);
      reaches_six |= (once.codes[i] & 7) == 7;
    }
    if (!reaches_six) continue;
    ++same_maximum;
    const QuantizedBlock twice = QuantizeWeightBlock(values, global, ModeloptCompat::k045);
    EXPECT_EQ(twice.scale, once.scale);
    for (size_t i = 0; i < block.size(); ++i) {
      const bool negative_zero = once.codes[i] == 8;  // -0.0 encodes as +0
      EXPECT_EQ(twice.codes[i], negative_zero ? 0 : once.codes[i]) << seed << " " << i;
    }
  }
  EXPECT_GT(same_maximum, 400);
}

TEST(Nvfp4Test, ZerosCostNothingAndNeverMakeNan) {
  const Block zeros{};
  const QuantizedBlock weight = QuantizeWeightBlock(zeros, 1.0f, ModeloptCompat::k044);
  EXPECT_EQ(weight.scale, kE4m3One);
  const QuantizedBlock activation = QuantizeActivationBlock(zeros, 0.01f);
  EXPECT_EQ(activation.scale, 0);
  for (size_t i = 0; i < zeros.size(); ++i) {
    EXPECT_EQ(weight.codes[i], 0);
    EXPECT_EQ(activation.codes[i], 0);
  }
}

TEST(Nvfp4Test, ActivationsBeyondTheCalibratedRangeSaturate) {
  Block block{};
  block[3] = -1e6f;
  block[4] = 1.0f;
  const QuantizedBlock quantized = QuantizeActivationBlock(block, 10.0f / kNvfp4Range);
  EXPECT_EQ(quantized.scale, 0x7E);
  EXPECT_EQ(quantized.codes[3], 0xF);
  EXPECT_EQ(quantized.codes[4], E2m1FromFloat(0.6f));
}

}  // namespace
}  // namespace facet
