// An opened folder: which files count (C03), names, and linears in the three formats (C05).
#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/tensor_specs.h"
#include "tensor/bf16.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SourcePath;
using testing::Value;

/// Every value of a linear.
std::vector<float> Values(const Nvfp4Matrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows * matrix.cols));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    DequantizeRow(matrix, row,
                  std::span(values).subspan(static_cast<size_t>(row * matrix.cols),
                                            static_cast<size_t>(matrix.cols)));
  }
  return values;
}

/// Float32 steps between two finite numbers of the same sign.
int64_t UlpsBetween(float a, float b) {
  return std::abs(int64_t{std::bit_cast<int32_t>(a)} - int64_t{std::bit_cast<int32_t>(b)});
}

TEST(CheckpointTest, EveryTensorOfTheTrainedModelIsThere) {
  const Checkpoint checkpoint = Value(Checkpoint::Open(SourcePath("models/tiny")));
  EXPECT_EQ(checkpoint.format(), WeightFormat::kBf16);
  EXPECT_EQ(checkpoint.shard_names().size(), 3u);
  EXPECT_THAT(checkpoint.warnings(), IsEmpty());
  EXPECT_FALSE(checkpoint.quantization().has_value());
  const std::vector<TensorSpec> specs = TensorSpecs(checkpoint.config());
  EXPECT_EQ(specs.size(), checkpoint.tensors().size());
  for (const TensorSpec& spec : specs) {
    EXPECT_NE(Value(checkpoint.Bf16(spec.name, spec.shape)), nullptr);
    if (spec.kind != TensorKind::kLinear) continue;
    EXPECT_EQ(RowsOf(Value(checkpoint.Linear(spec.module, spec.shape[0], spec.shape[1]))),
              spec.shape[0]);
  }
}

TEST(CheckpointTest, LinearRefusesAnotherShapeAndNamesBoth) {
  const Checkpoint checkpoint = Value(Checkpoint::Open(SourcePath("models/tiny")));
  const Error error =
      ErrorOf(checkpoint.Linear("model.language_model.layers.5.self_attn.k_proj", 256, 192));
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
  EXPECT_THAT(error.message, HasSubstr("[128,192]"));
  EXPECT_THAT(error.message, HasSubstr("[256,192]"));
}

TEST(CheckpointTest, BothNvfp4LayoutsHoldTheSameValues) {
  const Checkpoint modelopt = Value(Checkpoint::Open(CasePath("tiny_modelopt")));
  const Checkpoint compressed = Value(Checkpoint::Open(CasePath("tiny_ct")));
  EXPECT_EQ(modelopt.format(), WeightFormat::kNvfp4Modelopt);
  EXPECT_EQ(compressed.format(), WeightFormat::kNvfp4CompressedTensors);
  int linears = 0;
  for (const TensorSpec& spec : TensorSpecs(modelopt.config())) {
    if (spec.kind != TensorKind::kLinear) continue;
    const Weight a = Value(modelopt.Linear(spec.module, spec.shape[0], spec.shape[1]));
    const Weight b = Value(compressed.Linear(spec.module, spec.shape[0], spec.shape[1]));
    const auto& left = std::get<Nvfp4Matrix>(a);
    const auto& right = std::get<Nvfp4Matrix>(b);
    EXPECT_TRUE(std::equal(left.codes, left.codes + left.rows * left.cols / 2, right.codes));
    EXPECT_TRUE(std::equal(left.block_scales, left.block_scales + left.rows * left.cols / 16,
                           right.block_scales));
    ASSERT_TRUE(left.input_scale && right.input_scale);
    EXPECT_LE(UlpsBetween(left.global_scale, right.global_scale), 1) << spec.name;
    EXPECT_LE(UlpsBetween(*left.input_scale, *right.input_scale), 1) << spec.name;
    // One step of the global scale is up to two of a value whose significand is larger.
    const std::vector<float> expected = Values(left);
    const std::vector<float> actual = Values(right);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_LE(UlpsBetween(expected[i], actual[i]), 2) << spec.name << " element " << i;
      ASSERT_EQ(Bf16FromFloat(expected[i]), Bf16FromFloat(actual[i])) << spec.name;
    }
    ++linears;
  }
  EXPECT_EQ(linears, 41);
}

TEST(CheckpointTest, TheIndexDecidesWhichFilesCount) {
  const Checkpoint tiny = Value(Checkpoint::Open(CasePath("tiny")));
  const Checkpoint whole = Value(Checkpoint::Open(CasePath("c03/ok")));
  const Checkpoint stray = Value(Checkpoint::Open(CasePath("c03/stray")));
  EXPECT_THAT(whole.warnings(), IsEmpty());
  EXPECT_THAT(stray.warnings(), ElementsAre(HasSubstr("model.safetensors is not used")));
  ASSERT_EQ(tiny.tensors().size(), whole.tensors().size());
  ASSERT_EQ(tiny.tensors().size(), stray.tensors().size());
  for (const TensorInfo& tensor : tiny.tensors()) {
    for (const Checkpoint* other : {&whole, &stray}) {
      const TensorInfo* found = other->Find(tensor.name);
      ASSERT_NE(found, nullptr) << tensor.name;
      EXPECT_TRUE(std::ranges::equal(tensor.bytes, found->bytes)) << tensor.name;
    }
  }
}

TEST(CheckpointTest, AMissingShardIsRefusedByName) {
  const Error error = ErrorOf(Checkpoint::Open(CasePath("c03/missing")));
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("model-00002-of-00002.safetensors"));
}

TEST(CheckpointTest, AFolderWithoutConfigIsNotFound) {
  const Error error = ErrorOf(Checkpoint::Open(CasePath("c01")));
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("config.json"));
}

}  // namespace
}  // namespace facet
