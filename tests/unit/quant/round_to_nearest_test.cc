#include "quant/round_to_nearest.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/backend_factory.h"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

constexpr float kSmallestNormal = std::numeric_limits<float>::min();

TEST(WeightGlobalScaleTest, IsAmaxOver2688InTheProfilesRounding) {
  EXPECT_EQ(WeightGlobalScale(5.25f, DivisionProfile::kDiv), 0x1.0p-9f);
  EXPECT_EQ(WeightGlobalScale(0.0595703125f, DivisionProfile::kDiv), 0.0595703125f / 2688.0f);
}

TEST(WeightGlobalScaleTest, IsAlwaysANormalPositiveNumber) {
  for (const auto division : {DivisionProfile::kDiv, DivisionProfile::kMulRcp}) {
    EXPECT_EQ(WeightGlobalScale(0, division), 1.0f);
    EXPECT_EQ(WeightGlobalScale(FloatFromBf16(1), division), kSmallestNormal);
    const float largest = FloatFromBf16(0x7F7F);
    EXPECT_TRUE(std::isfinite(WeightGlobalScale(largest, division)));
  }
}

/// Whatever the weights, no scale byte is NaN: the smallest BF16 numbers, the largest, mixed with
/// zeros, in both releases' arithmetic.
TEST(QuantizeRoundToNearestTest, NeverWritesNan) {
  const auto backend = Value(MakeBackend("ref"));
  const std::vector<uint16_t> extremes = {0x0001, 0x0080, 0x7F7F, 0xFF7F, 0x3F80, 0x8000, 0x0000};
  for (const uint16_t largest : extremes) {
    std::vector<uint16_t> values(64, 0);
    values[3] = largest;
    values[20] = 0x0001;
    const Bf16Matrix weight{1, 64, values.data()};
    for (const auto compat : {ModeloptCompat::k044, ModeloptCompat::k045}) {
      const float global = WeightGlobalScale(backend->AbsMax(weight), DivisionProfile::kMulRcp);
      const QuantizedWeight quantized = QuantizeRoundToNearest(weight, global, compat, *backend);
      for (const uint8_t scale : quantized.block_scales) EXPECT_LT(scale, kE4m3Nan) << largest;
    }
  }
}

TEST(QuantizeRoundToNearestTest, AllZeroWeightsAreScaleOneAndCodeZero) {
  const auto backend = Value(MakeBackend("ref"));
  const std::vector<uint16_t> zeros(64, 0);
  const QuantizedWeight quantized =
      QuantizeRoundToNearest({2, 32, zeros.data()}, WeightGlobalScale(0, DivisionProfile::kDiv),
                             ModeloptCompat::k044, *backend);
  EXPECT_EQ(quantized.codes, std::vector<uint8_t>(32, 0));
  EXPECT_EQ(quantized.block_scales, std::vector<uint8_t>(4, kE4m3One));
}

std::vector<TensorSpec> Linears(const Checkpoint& checkpoint) {
  std::vector<TensorSpec> linears;
  for (TensorSpec& spec : TensorSpecs(checkpoint.config())) {
    if (spec.kind == TensorKind::kLinear) linears.push_back(std::move(spec));
  }
  return linears;
}

TEST(MeasureWeightsTest, AGroupHasTheLargestOfItsMembers) {
  const auto backend = Value(MakeBackend("ref"));
  const Checkpoint source = Value(Checkpoint::Open(testing::CasePath("tiny")));
  const auto linears = Linears(source);
  const WeightRanges ranges = Value(MeasureWeights(source, linears, *backend, {}));
  EXPECT_EQ(ranges.groups.size(), 6u * 4);
  float largest = 0;
  for (const TensorSpec& linear : linears) {
    const float own = backend->AbsMax(Value(SourceWeight(source, linear)));
    EXPECT_LE(own, ranges.groups.at(linear.group));
    if (linear.group.ends_with("layers.0.self_attn.qkv_proj")) largest = std::max(largest, own);
  }
  EXPECT_EQ(largest, ranges.groups.at("model.language_model.layers.0.self_attn.qkv_proj"));
  EXPECT_TRUE(ranges.all_zero.empty());
}

TEST(MeasureWeightsTest, NamesTheWeightThatIsNotFinite) {
  const auto backend = Value(MakeBackend("ref"));
  const testing::TemporaryFolder folder;
  for (const std::string bits : {"c07f", "80ff"}) {  // NaN, -infinity
    const auto copy = folder.path() / bits;
    testing::CopyCheckpoint(testing::CasePath("tiny"), copy);
    testing::Poke(copy / "model.safetensors", "model.language_model.layers.2.mlp.up_proj.weight",
                  64 + 5, bits);
    const Checkpoint source = Value(Checkpoint::Open(copy));
    const auto linears = Linears(source);
    const Error error = ErrorOf(MeasureWeights(source, linears, *backend, {}));
    EXPECT_EQ(error.code, ErrorCode::kInvalidData);
    EXPECT_NE(error.message.find("layers.2.mlp.up_proj.weight: element [1,5]"), std::string::npos)
        << error.message;
  }
}

}  // namespace
}  // namespace facet
