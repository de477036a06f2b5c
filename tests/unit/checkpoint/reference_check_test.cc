// The error of a quantization against its BF16 original.
#include "checkpoint/reference_check.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/summary.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using testing::CopyCheckpoint;
using testing::ErrorOf;
using testing::Poke;
using testing::SourcePath;
using testing::TemporaryFolder;
using testing::Value;

ReferenceReport Compare(const std::filesystem::path& folder) {
  return Value(CompareWithReference(Value(Checkpoint::Open(folder)),
                                    Value(Checkpoint::Open(CasePath("tiny"))), nullptr));
}

TEST(ReferenceCheckTest, ErrorsOfNvfp4RoundingOnRandomWeights) {
  for (const std::string name : {"tiny_modelopt", "tiny_ct"}) {
    const ReferenceReport report = Compare(CasePath(name));
    EXPECT_EQ(report.findings.list().size(), 0u) << name;
    EXPECT_EQ(report.errors.size(), 41u);
    for (const TensorError& error : report.errors) {
      EXPECT_GT(error.relative_rms, 0.09) << error.name;
      EXPECT_LT(error.relative_rms, 0.10) << error.name;
      EXPECT_NEAR(error.SqnrDb(), -20 * std::log10(error.relative_rms), 1e-9);
    }
    EXPECT_NEAR(report.total.relative_rms, 0.0951, 0.0005);
  }
}

TEST(ReferenceCheckTest, ACopyHasNoError) {
  const ReferenceReport report = Compare(CasePath("c03/ok"));
  EXPECT_EQ(report.errors.size(), 0u);
  EXPECT_EQ(report.findings.list().size(), 0u);
  EXPECT_EQ(report.identical_tensors, 96);
}

TEST(ReferenceCheckTest, AChangedTensorAndAWrongScaleAreErrors) {
  const TemporaryFolder temporary;
  const auto copy = temporary.path() / "copy";
  CopyCheckpoint(CasePath("tiny_modelopt"), copy);
  Poke(copy / "model.safetensors", "model.language_model.norm.weight", 0, "1234");
  Poke(copy / "model.safetensors", "model.language_model.layers.0.mlp.up_proj.weight_scale_2", 0,
       "0000003f");
  const ReferenceReport report = Compare(copy);
  ASSERT_EQ(report.findings.list().size(), 2u);
  EXPECT_EQ(report.findings.list()[0].code, "quantization_error_too_large");
  EXPECT_EQ(report.findings.list()[1].code, "kept_tensor_differs");
}

TEST(ReferenceCheckTest, AnotherModelOrAQuantizedReferenceIsRefused) {
  const Checkpoint tiny = Value(Checkpoint::Open(CasePath("tiny")));
  const Checkpoint trained = Value(Checkpoint::Open(SourcePath("models/tiny")));
  const Checkpoint quantized = Value(Checkpoint::Open(CasePath("tiny_modelopt")));
  EXPECT_EQ(ErrorOf(CompareWithReference(tiny, trained, nullptr)).code, ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf(CompareWithReference(tiny, quantized, nullptr)).code, ErrorCode::kInvalidData);
}

TEST(SummaryTest, BytesOfAQuantizedCheckpoint) {
  const Checkpoint checkpoint = Value(Checkpoint::Open(CasePath("tiny_modelopt")));
  const CheckpointSummary summary = Summarize(checkpoint);
  EXPECT_EQ(summary.parameters, 906'854);
  EXPECT_EQ(summary.quantized_linears, 41);
  EXPECT_EQ(summary.with_input_scale, 41);
  EXPECT_EQ(summary.missing, 0);
  EXPECT_EQ(summary.other_bytes, 0);
  ASSERT_FALSE(summary.groups.empty());
  const StoredGroup& linears = summary.groups.front();
  EXPECT_EQ(linears.stored_as, "NVFP4");
  // 4 bits a weight, 8 bits for 16 of them, and two floats a linear.
  EXPECT_EQ(linears.bytes, linears.parameters * 9 / 16 + 41 * 8);
}

}  // namespace
}  // namespace facet
