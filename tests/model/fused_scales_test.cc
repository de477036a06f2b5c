// Case C09: linears that read the same input may have different global scales, and each keeps its
// own.
#include <gtest/gtest.h>

#include "quant/dequantizer.h"
#include "testing/poke.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using testing::AllLogits;
using testing::BytesFromHex;
using testing::CasePath;
using testing::CopyCheckpoint;
using testing::LoadedModel;
using testing::PokeBytes;
using testing::TestPrompt;
using testing::Value;

double RelativeDistance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

class FusedScalesTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    CopyCheckpoint(CasePath("tiny_modelopt"), poked_);
    PokeBytes(poked_ / "model.safetensors",
              "model.language_model.layers.0.mlp.up_proj.weight_scale_2", 0,
              BytesFromHex("0000003f"));  // 0.5
    for (int32_t i = 0; i < 40; ++i) prompt_.tokens.push_back(120 + 7 * i);
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path poked_ = folder_.path() / "poked";
  TestPrompt prompt_;
};

TEST_P(FusedScalesTest, LogitsAreThoseOfTheDequantizedModel) {
  const LoadedModel nvfp4(poked_, GetParam());
  const auto plain = folder_.path() / "plain";
  Value(DequantizeCheckpoint(nvfp4.checkpoint(), plain, {}, {}));
  const LoadedModel dequantized(plain, GetParam());
  const std::vector<float> logits = AllLogits(nvfp4, prompt_);
  EXPECT_LT(RelativeDistance(logits, AllLogits(dequantized, prompt_)), 1e-3);
  // The scale matters: with up_proj's own scale the logits are others.
  const LoadedModel original(CasePath("tiny_modelopt"), GetParam());
  EXPECT_GT(RelativeDistance(logits, AllLogits(original, prompt_)), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Backends, FusedScalesTest, ::testing::Values("cpu", "ref"),
                         [](const auto& backend) { return backend.param; });

TEST(FusedScalesW4A4Test, BackendsAgreeOnUnequalScales) {
  const testing::TemporaryFolder folder;
  const auto poked = folder.path() / "poked";
  CopyCheckpoint(CasePath("tiny_modelopt"), poked);
  PokeBytes(poked / "model.safetensors", "model.language_model.layers.0.mlp.up_proj.weight_scale_2",
            0, BytesFromHex("0000003f"));
  TestPrompt prompt;
  for (int32_t i = 0; i < 40; ++i) prompt.tokens.push_back(120 + 7 * i);
  const LoadedModel cpu(poked, "cpu");
  const LoadedModel ref(poked, "ref");
  const auto w4a4 = [&prompt](const LoadedModel& loaded) {
    return AllLogits(loaded, prompt, {}, ActivationMode::kNvfp4);
  };
  EXPECT_LT(RelativeDistance(w4a4(cpu), w4a4(ref)), 1e-3);
  EXPECT_GT(RelativeDistance(w4a4(LoadedModel(CasePath("tiny_modelopt"), "ref")), w4a4(ref)), 1e-2);
}

}  // namespace
}  // namespace facet
