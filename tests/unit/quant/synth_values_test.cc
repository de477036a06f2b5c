#include "quant/synth_values.h"

#include <array>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "tensor/bf16.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

const std::string kEmbedding = "model.language_model.embed_tokens.weight";
const std::string kDown = "model.language_model.layers.0.mlp.down_proj";

// The constants of the tests named Documented… were computed from docs/synth.md by a separate
// program with whole numbers of any size.

TEST(SynthValuesTest, DocumentedKeys) {
  EXPECT_EQ(SynthKey(0, kEmbedding), 0xFE4EB25C209BEE82u);
  EXPECT_EQ(SynthKey(0, kDown + ".weight"), 0x25A09A2DDDCF8A06u);
  EXPECT_EQ(SynthKey(7, "model.language_model.layers.5.self_attn.q_norm.weight"),
            0x2BF6DDE25C97EDC9u);
}

TEST(SynthValuesTest, DocumentedBf16Values) {
  const SynthDistribution distribution{.offset = 0, .scale = 0x1.5775c8p-20f};
  std::vector<uint16_t> values(4);
  FillSynthBf16(SynthKey(0, kEmbedding), distribution, 0, values);
  EXPECT_EQ(values, (std::vector<uint16_t>{0xBD48, 0xBC6A, 0x3CCD, 0x3D7E}));
  values.resize(1);  // the last element of the 12B's table
  FillSynthBf16(SynthKey(0, kEmbedding), distribution, 1'006'632'959, values);
  EXPECT_EQ(values[0], 0x3D15);
}

TEST(SynthValuesTest, DocumentedCodesAndScales) {
  std::vector<uint8_t> codes(16);
  FillSynthCodes(SynthKey(0, kDown + ".weight"), 0, codes);
  EXPECT_EQ(codes, (std::vector<uint8_t>{0x1A, 0xC0, 0xCC, 0xAA, 0x2F, 0x96, 0x9D, 0x2E, 0xE7, 0x23,
                                         0xA8, 0xE5, 0xC9, 0xD1, 0xBC, 0xA7}));
  std::vector<uint8_t> last(8);
  FillSynthCodes(SynthKey(0, kDown + ".weight"), 3'686'399, last);
  EXPECT_EQ(last, (std::vector<uint8_t>{0xD0, 0xDA, 0xD5, 0xCA, 0xC9, 0xA4, 0xCC, 0x5C}));
  std::vector<uint8_t> scales(192);
  FillSynthBlockScales(SynthKey(0, kDown + ".weight_scale"), 0, scales);
  EXPECT_EQ(std::vector<uint8_t>(scales.begin(), scales.begin() + 8),
            (std::vector<uint8_t>{0x6B, 0x6F, 0x6B, 0x78, 0x6C, 0x72, 0x7B, 0x79}));
  EXPECT_EQ(scales[191], 42) << "the first of the rare small scales";
}

TEST(SynthValuesTest, BellIsTheSumOfFourParts) {
  EXPECT_EQ(SynthBell(0), -131070);
  EXPECT_EQ(SynthBell(~uint64_t{0}), 131070);
  EXPECT_EQ(SynthBell(0x0001'0002'0003'0004u), 10 - 131070);
  EXPECT_EQ(SynthBell(0xFFFF'0000'FFFF'0000u), 0);
}

TEST(SynthValuesTest, IntegerRootIsTheFloor) {
  for (uint64_t root : {uint64_t{1}, uint64_t{2}, uint64_t{37837}, uint64_t{4'000'000'000}}) {
    EXPECT_EQ(IntegerRoot(root * root), root);
    EXPECT_EQ(IntegerRoot(root * root - 1), root - 1);
  }
  EXPECT_EQ(IntegerRoot(0), 0u);
  EXPECT_EQ(IntegerRoot(~uint64_t{0}), 0xFFFFFFFFu);
}

/// A tensor may be made in any pieces.
TEST(SynthValuesTest, PiecesMakeTheWhole) {
  constexpr int64_t kBlocks = 300;  // more than are made at once
  const SynthDistribution distribution{.offset = 1 << 20, .scale = 0x1p-20f};
  std::vector<uint16_t> values(1000);
  FillSynthBf16(5, distribution, 40, values);
  std::vector<uint8_t> codes(8 * kBlocks);
  FillSynthCodes(5, 1000, codes);
  std::vector<uint8_t> scales(kBlocks);
  FillSynthBlockScales(5, 1000, scales);
  for (const int64_t cut : {1, 7, 63, 64, 65, 299}) {
    const auto at = static_cast<size_t>(cut);
    std::vector<uint16_t> tail(values.size() - at);
    FillSynthBf16(5, distribution, 40 + cut, tail);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), values.begin() + cut)) << cut;
    std::vector<uint8_t> code_tail(codes.size() - 8 * at);
    FillSynthCodes(5, 1000 + cut, code_tail);
    EXPECT_TRUE(std::equal(code_tail.begin(), code_tail.end(), codes.begin() + 8 * cut)) << cut;
    std::vector<uint8_t> scale_tail(scales.size() - at);
    FillSynthBlockScales(5, 1000 + cut, scale_tail);
    EXPECT_TRUE(std::equal(scale_tail.begin(), scale_tail.end(), scales.begin() + cut)) << cut;
  }
}

TEST(SynthValuesTest, SeedsAndNamesGiveOtherNumbers) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (const char* name : {"a", "b", "ab", "ba", ""}) keys.insert(SynthKey(seed, name));
  }
  EXPECT_EQ(keys.size(), 20u);
}

TEST(SynthValuesTest, ValuesHaveTheirMeanAndDeviation) {
  constexpr int kCount = 1 << 18;
  std::vector<uint16_t> values(kCount);
  FillSynthBf16(9, {.offset = 0, .scale = 1.0f / 37837.0f}, 0, values);
  double sum = 0;
  double squares = 0;
  for (const uint16_t bits : values) {
    const double value = FloatFromBf16(bits);
    sum += value;
    squares += value * value;
    EXPECT_LT(std::abs(value), 3.5);
  }
  // Four standard errors of a mean over 2^18 values, and as much for the variance.
  EXPECT_NEAR(sum / kCount, 0, 4.0 / 512);
  EXPECT_NEAR(squares / kCount, 1, 0.012);
}

/// The two constants that the global scale is made of.
TEST(SynthValuesTest, CodesAndScalesHaveTheMeanSquaresThatAreStated) {
  constexpr int64_t kBlocks = 1 << 16;
  std::vector<uint8_t> codes(8 * kBlocks);
  FillSynthCodes(3, 0, codes);
  std::array<int64_t, 16> counts{};
  double squares = 0;
  for (const uint8_t byte : codes) {
    for (const int code : {byte & 0xF, byte >> 4}) {
      ++counts[static_cast<size_t>(code)];
      const double value = kE2m1Values[static_cast<size_t>(code)];
      squares += value * value;
    }
  }
  EXPECT_NEAR(squares / (16 * kBlocks) * 8, kSynthCodeSquare8, 0.4);
  constexpr std::array<double, 8> kPer256 = {9, 17, 17, 15, 20, 21, 18, 11};
  for (size_t code = 0; code < 16; ++code) {
    const double expected = kPer256[code % 8] / 256 * 16 * kBlocks;
    EXPECT_NEAR(static_cast<double>(counts[code]), expected, 5 * std::sqrt(expected)) << code;
  }

  std::vector<uint8_t> scales(1 << 20);
  FillSynthBlockScales(3, 0, scales);
  double scale_squares = 0;
  int64_t common = 0;
  std::set<uint8_t> seen;
  for (const uint8_t scale : scales) {
    ASSERT_GE(scale, 0x01);
    ASSERT_LE(scale, 0x7E);
    seen.insert(scale);
    if (scale < 0x60) continue;
    ++common;
    scale_squares += double{FloatFromE4m3(scale)} * FloatFromE4m3(scale);
  }
  EXPECT_EQ(seen.size(), 126u) << "every scale byte occurs";
  EXPECT_NEAR(scale_squares / static_cast<double>(common) * 256, double{kSynthScaleSquare256},
              0.01 * kSynthScaleSquare256);
  const double rare = 1 - static_cast<double>(common) / static_cast<double>(scales.size());
  EXPECT_NEAR(rare, 95.0 / 126 / 256, 0.0003);
}

}  // namespace
}  // namespace facet
