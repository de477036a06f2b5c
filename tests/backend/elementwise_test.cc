// Operations on each row or value alone: embedding, norms, rotation, gate, residual, bias, soft
// cap.
#include <cmath>
#include <limits>

#include "suite.h"

namespace facet {
namespace {

using namespace facet::testing;  // NOLINT: the suite's own vocabulary

FACET_BACKEND_SUITE(ElementwiseTest);
FACET_HOST_SUITE(HostElementwiseTest);

/// Vector tails of every kind.
constexpr int64_t kWidths[] = {1, 7, 8, 31, 192, 256, 3840};

/// body(tokens, width) for every shape class.
template <typename Body>
void ForShapes(const Body& body) {
  for (const int64_t tokens : kTokenCounts) {
    for (const int64_t width : kWidths) {
      SCOPED_TRACE("tokens " + std::to_string(tokens) + ", width " + std::to_string(width));
      body(tokens, width);
    }
  }
}

TEST_P(ElementwiseTest, Embed) {
  ForShapes([&](int64_t tokens, int64_t width) {
    const Bf16Values table(50, width, 1);
    std::vector<int32_t> ids;
    ids.reserve(static_cast<size_t>(tokens));
    for (int64_t t = 0; t < tokens; ++t) ids.push_back(static_cast<int32_t>((7 * t + 49) % 50));
    const StepSequence sequence{.rows = tokens, .first_position = 3};
    Values expected(tokens, width);
    Values actual(tokens, width);
    for (HostBackend* backend : {static_cast<HostBackend*>(&ref_), backend_.get()}) {
      backend->BeginStep({.tokens = ids,
                          .sequences = {&sequence, 1},
                          .rings = {},
                          .visible_end = {},
                          .frequencies = {}});
    }
    ref_.Embed(table.matrix(), 13.8564f, expected.matrix());
    backend_->Embed(table.matrix(), 13.8564f, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact));
  });
}

TEST_P(ElementwiseTest, RmsNorm) {
  ForShapes([&](int64_t tokens, int64_t width) {
    const Values x = RandomValues(tokens, width, 1, 50);
    const Bf16Values weight(1, width, 2, 3);
    for (const uint16_t* scale : {weight.data.data(), static_cast<const uint16_t*>(nullptr)}) {
      Values expected(tokens, width);
      Values actual(tokens, width);
      ref_.RmsNorm(x.view(), scale, 1e-6, expected.matrix());
      backend_->RmsNorm(x.view(), scale, 1e-6, actual.matrix());
      EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().rms_norm));
      Values in_place = x;
      backend_->RmsNorm(in_place.view(), scale, 1e-6, in_place.matrix());
      EXPECT_TRUE(Near(in_place.view(), actual.view(), kExact));
    }
  });
}

TEST_P(ElementwiseTest, RmsNormOfTinyAndHugeValues) {
  for (const double scale : {0.0, 1e-30, 1e-4, 1e25}) {
    const Values x = RandomValues(2, 100, 1, scale);
    Values expected(2, 100);
    Values actual(2, 100);
    ref_.RmsNorm(x.view(), nullptr, 1e-6, expected.matrix());
    backend_->RmsNorm(x.view(), nullptr, 1e-6, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().rms_norm)) << scale;
  }
}

TEST_P(ElementwiseTest, LayerNorm) {
  ForShapes([&](int64_t tokens, int64_t width) {
    Values x = RandomValues(tokens, width, 1, 5);
    for (float& value : x.data) value += 100;  // a mean far from zero
    const Bf16Values weight(1, width, 2);
    const Bf16Values bias(1, width, 3);
    Values expected(tokens, width);
    Values actual(tokens, width);
    ref_.LayerNorm(x.view(), weight.data.data(), bias.data.data(), 1e-5, expected.matrix());
    backend_->LayerNorm(x.view(), weight.data.data(), bias.data.data(), 1e-5, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().layer_norm));
    backend_->LayerNorm(x.view(), weight.data.data(), bias.data.data(), 1e-5, x.matrix());
    EXPECT_TRUE(Near(x.view(), actual.view(), kExact));
  });
}

TEST_P(HostElementwiseTest, Rope) {
  for (const int64_t tokens : kTokenCounts) {
    for (const int64_t half : {4, 8, 32, 256}) {
      const Values angles = RandomValues(tokens, half, 1, 100);
      Values cosines(tokens, half);
      Values sines(tokens, half);
      for (size_t i = 0; i < angles.data.size(); ++i) {
        cosines.data[i] = std::cos(angles.data[i]);
        sines.data[i] = std::sin(angles.data[i]);
      }
      Values expected = RandomValues(tokens, 3 * 2 * half, 2, 4);
      Values actual = expected;
      ref_.Rope(expected.matrix(), {cosines.matrix(), sines.matrix()});
      backend_->Rope(actual.matrix(), {cosines.matrix(), sines.matrix()});
      EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().rope))
          << "tokens " << tokens << ", half " << half;
    }
  }
}

TEST_P(HostElementwiseTest, GeluMul) {
  ForShapes([&](int64_t tokens, int64_t width) {
    const Values gate = RandomValues(tokens, width, 1, 12);
    const Values up = RandomValues(tokens, width, 2, 3);
    Values expected(tokens, width);
    ref_.GeluMul(gate.view(), up.view(), expected.matrix());
    Values actual(tokens, width);
    backend_->GeluMul(gate.view(), up.view(), actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().gelu_mul));
    Values over_gate = gate;
    backend_->GeluMul(over_gate.view(), up.view(), over_gate.matrix());
    EXPECT_TRUE(Near(over_gate.view(), actual.view(), kExact));
    Values over_up = up;
    backend_->GeluMul(gate.view(), over_up.view(), over_up.matrix());
    EXPECT_TRUE(Near(over_up.view(), actual.view(), kExact));
  });
}

TEST_P(HostElementwiseTest, GeluMulOfExtremes) {
  Values gate(1, 8);
  gate.data = {0.0f,    -0.0f, 1e-30f, 100.0f,
               -100.0f, 1e30f, -1e10f, std::numeric_limits<float>::infinity()};
  Values ones(1, 8);
  ones.data.assign(8, 1.0f);
  Values actual(1, 8);
  backend_->GeluMul(gate.view(), ones.view(), actual.matrix());
  Values expected(1, 8);
  expected.data = {0.0f, -0.0f, 5e-31f, 100.0f,
                   0.0f, 1e30f, 0.0f,   std::numeric_limits<float>::infinity()};
  EXPECT_TRUE(Near(actual.view(), expected.view(), {.relative = 1e-7}));
}

TEST_P(HostElementwiseTest, Residual) {
  ForShapes([&](int64_t tokens, int64_t width) {
    const Values x = RandomValues(tokens, width, 1);
    Values expected = RandomValues(tokens, width, 2);
    Values actual = expected;
    ref_.Residual(x.view(), 0.7f, expected.matrix());
    backend_->Residual(x.view(), 0.7f, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact));
  });
}

TEST_P(ElementwiseTest, AddBias) {
  ForShapes([&](int64_t tokens, int64_t width) {
    const Bf16Values bias(1, width, 1);
    Values expected = RandomValues(tokens, width, 2);
    Values actual = expected;
    ref_.AddBias(bias.data.data(), expected.matrix());
    backend_->AddBias(bias.data.data(), actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact));
  });
}

TEST_P(ElementwiseTest, AddPositions) {
  ForShapes([&](int64_t tokens, int64_t width) {
    constexpr int64_t kLimit = 20;
    const Bf16Values table(kLimit * 2, width, 1);
    std::vector<int32_t> positions;
    for (int64_t t = 0; t < tokens; ++t) {
      positions.push_back(static_cast<int32_t>(t % kLimit));
      positions.push_back(static_cast<int32_t>((3 * t + 19) % kLimit));
    }
    Values expected = RandomValues(tokens, width, 2);
    Values actual = expected;
    ref_.AddPositions(table.data.data(), positions, expected.matrix());
    backend_->AddPositions(table.data.data(), positions, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact));
  });
}

TEST_P(ElementwiseTest, SoftCap) {
  ForShapes([&](int64_t tokens, int64_t width) {
    Values expected = RandomValues(tokens, width, 1, 300);
    Values actual = expected;
    ref_.SoftCap(30.0f, expected.matrix());
    backend_->SoftCap(30.0f, actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().soft_cap));
  });
}

TEST_P(ElementwiseTest, TopK) {
  for (const auto& [width, k] : {std::pair{1, 1}, {7, 7}, {2048, 3}, {5000, 66}, {262144, 64}}) {
    Values x = RandomValues(3, width, 1);
    for (float& value : x.data) value = std::round(value * 1000) / 1000;  // many are equal
    x.data[static_cast<size_t>(width / 2)] = std::numeric_limits<float>::infinity();
    x.data[2 * static_cast<size_t>(width) - 1] = std::numeric_limits<float>::quiet_NaN();
    x.data[2 * static_cast<size_t>(width)] = -0.0f;
    std::vector<RankedValue> expected(static_cast<size_t>(3 * k));
    std::vector<RankedValue> actual(expected.size());
    ASSERT_TRUE(ref_.TopK(x.view(), k, expected));
    ASSERT_TRUE(backend_->TopK(x.view(), k, actual));
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(actual[i].column, expected[i].column) << width << " " << k << " " << i;
    }
  }
}

TEST_P(ElementwiseTest, SoftCapOfExtremes) {
  Values values(1, 6);
  values.data = {0.0f, 1e-30f, -1e-5f, 1e30f, -std::numeric_limits<float>::infinity(), 1e-3f};
  Values expected = values;
  ref_.SoftCap(30.0f, expected.matrix());
  backend_->SoftCap(30.0f, values.matrix());
  EXPECT_TRUE(Near(values.view(), expected.view(), {.relative = 1.3e-7}));
}

}  // namespace
}  // namespace facet
