// Quantization: the same bytes as ref for every input, sensible or not.
#include <bit>
#include <cmath>
#include <limits>

#include "suite.h"

namespace facet {
namespace {

using namespace facet::testing;  // NOLINT: the suite's own vocabulary

FACET_BACKEND_SUITE(QuantizeTest);
FACET_HOST_SUITE(QuantizeActivationsTest);

struct Packed {
  explicit Packed(int64_t values)
      : codes(static_cast<size_t>(values / 2)), scales(static_cast<size_t>(values / kNvfp4Block)) {}
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
};

Packed Activations(HostBackend& backend, const Values& x, float input_scale) {
  Packed packed(x.rows * x.cols);
  backend.QuantizeActivations(x.view(), input_scale, packed.codes.data(), packed.scales.data());
  return packed;
}

Packed Weights(HostBackend& backend, const Bf16Values& weight, float global,
               ModeloptCompat compat) {
  Packed packed(weight.rows * weight.cols);
  backend.QuantizeWeight(weight.matrix(), global, compat, packed.codes.data(),
                         packed.scales.data());
  return packed;
}

/// Every threshold of E2M1 with its neighbours, zeros, infinities, NaNs and subnormal numbers, both
/// signs; at 16 positions of a block.
std::vector<float> SpecialValues() {
  std::vector<float> values = {0.0f,
                               6.0f,
                               std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::min(),
                               std::numeric_limits<float>::max()};
  for (const float threshold : {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f}) {
    values.push_back(threshold);
    values.push_back(std::nextafter(threshold, 0.0f));
    values.push_back(std::nextafter(threshold, 10.0f));
  }
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

constexpr float kScales[] = {1.0f / 448, 0.001f, 1.0f, 3e-7f, 1e-38f, 1e-44f, 1e30f};

TEST_P(QuantizeActivationsTest, OfRandomValues) {
  for (const int64_t tokens : kTokenCounts) {
    const Values x = RandomValues(tokens, 368, 1, 8);
    for (const float scale : kScales) {
      const Packed expected = Activations(ref_, x, scale);
      const Packed actual = Activations(*backend_, x, scale);
      EXPECT_EQ(actual.codes, expected.codes) << scale;
      EXPECT_EQ(actual.scales, expected.scales) << scale;
    }
  }
}

TEST_P(QuantizeActivationsTest, OfRandomBits) {
  Values x(64, 256);
  for (size_t i = 0; i < x.data.size(); ++i) {
    x.data[i] = std::bit_cast<float>(static_cast<uint32_t>(RandomBits(9, i)));
  }
  for (const float scale : kScales) {
    EXPECT_EQ(Activations(*backend_, x, scale).codes, Activations(ref_, x, scale).codes) << scale;
    EXPECT_EQ(Activations(*backend_, x, scale).scales, Activations(ref_, x, scale).scales) << scale;
  }
}

TEST_P(QuantizeActivationsTest, OfSpecialValues) {
  // Blocks whose maximum is 6 with an input scale that makes their multiplier exactly 1, so that
  // the thresholds are hit, and blocks of one special value among zeros.
  const std::vector<float> special = SpecialValues();
  Values x(static_cast<int64_t>(2 * special.size()), 16);
  for (size_t i = 0; i < special.size(); ++i) {
    x.data[16 * i] = 6.0f;
    x.data[16 * i + 1 + i % 15] = special[i];
    x.data[16 * (special.size() + i) + i % 16] = special[i];
  }
  for (const float scale : {1.0f, 1.0f / 256, 0.37f}) {
    EXPECT_EQ(Activations(*backend_, x, scale).codes, Activations(ref_, x, scale).codes) << scale;
    EXPECT_EQ(Activations(*backend_, x, scale).scales, Activations(ref_, x, scale).scales) << scale;
  }
}

TEST_P(QuantizeTest, WeightsOfRandomValues) {
  for (const double magnitude : {1.0, 1e-3, 1e-36}) {
    const Bf16Values weight(37, 4112, 1, magnitude);
    const auto amax = backend_->AbsMax(weight.matrix());
    for (const ModeloptCompat compat : {ModeloptCompat::k044, ModeloptCompat::k045}) {
      for (const float shrink : {1.0f, 0.01f, 1e4f}) {
        const float global = amax / kNvfp4Range * shrink;
        const Packed expected = Weights(ref_, weight, global, compat);
        const Packed actual = Weights(*backend_, weight, global, compat);
        EXPECT_EQ(actual.codes, expected.codes) << magnitude << " " << shrink;
        EXPECT_EQ(actual.scales, expected.scales) << magnitude << " " << shrink;
      }
    }
  }
}

TEST_P(QuantizeTest, WeightsOfRandomBits) {
  // Every BF16 value there is, shuffled, and global scales from nothing to infinity.
  Bf16Values weight(16, 4096, 1);
  for (size_t i = 0; i < weight.data.size(); ++i) {
    weight.data[i] = static_cast<uint16_t>(i * 40503u);  // odd: a permutation of 65,536
  }
  for (const ModeloptCompat compat : {ModeloptCompat::k044, ModeloptCompat::k045}) {
    for (const float global : {0.0f, 1e-44f, 1e-38f, 1.0f / 512, 0.003f, 1e35f,
                               std::numeric_limits<float>::infinity()}) {
      const Packed expected = Weights(ref_, weight, global, compat);
      const Packed actual = Weights(*backend_, weight, global, compat);
      EXPECT_EQ(actual.codes, expected.codes) << global;
      EXPECT_EQ(actual.scales, expected.scales) << global;
    }
  }
}

TEST_P(QuantizeTest, WeightsOnEveryThreshold) {
  // A block maximum of 6 x 448 with a global scale of 1 gives denominator 448: q = w / 448.
  Bf16Values weight(64, 16, 1);
  for (size_t i = 0; i < weight.data.size(); ++i) {
    const float quarter = 0.25f * static_cast<float>(i % 32);
    weight.data[i] = Bf16FromFloat(i % 16 == 0 ? 2688.0f : (i % 3 == 0 ? -448 : 448) * quarter);
  }
  const Packed expected = Weights(ref_, weight, 1.0f, ModeloptCompat::k045);
  EXPECT_EQ(Weights(*backend_, weight, 1.0f, ModeloptCompat::k045).codes, expected.codes);
  EXPECT_EQ(expected.scales[0], 0x7E);
}

TEST_P(QuantizeTest, AbsMax) {
  for (const int64_t cols : {1, 7, 16, 31, 1000}) {
    Bf16Values weight(5, cols, 3);
    EXPECT_EQ(backend_->AbsMax(weight.matrix()), ref_.AbsMax(weight.matrix()));
    weight.data.back() = 0xC1A0;  // -20, at the very end
    EXPECT_EQ(backend_->AbsMax(weight.matrix()), 20.0f);
    weight.data[0] = 0xFF80;  // -infinity
    EXPECT_EQ(backend_->AbsMax(weight.matrix()), std::numeric_limits<float>::infinity());
    weight.data[weight.data.size() / 2] = 0xFFC0;  // NaN
    EXPECT_TRUE(std::isnan(backend_->AbsMax(weight.matrix())));
  }
  EXPECT_EQ(backend_->AbsMax({0, 16, nullptr}), 0.0f);
}

}  // namespace
}  // namespace facet
