#include "quant/exclusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Value;

const std::vector<std::string> kQuantized = {"model.language_model.layers.0.mlp.up_proj",
                                             "model.language_model.layers.10.mlp.up_proj"};

TEST(ExcludePatternsTest, ShortestPrefixThatNamesNothingQuantized) {
  const std::vector<std::string> kept = {"lm_head", "model.embed_audio.embedding_projection",
                                         "model.embed_vision.embedding_projection",
                                         "model.vision_embedder.patch_dense"};
  EXPECT_THAT(ExcludePatterns(kept, kQuantized),
              ElementsAre("lm_head", "model.embed_audio*", "model.embed_vision*",
                          "model.vision_embedder*"));
}

TEST(ExcludePatternsTest, SeveralModulesBelowOnePrefixGiveOnePattern) {
  const std::vector<std::string> kept = {
      "model.embed_vision.multimodal_embedder.embedding_projection",
      "model.embed_vision.patch_dense"};
  EXPECT_THAT(ExcludePatterns(kept, kQuantized), ElementsAre("model.embed_vision*"));
}

/// "layers.1*" would name layer 10 too; "layers.1.*" does not.
TEST(ExcludePatternsTest, AvoidsLongerNumbers) {
  const std::vector<std::string> kept = {"model.language_model.layers.1.mlp.up_proj"};
  EXPECT_THAT(ExcludePatterns(kept, kQuantized), ElementsAre("model.language_model.layers.1.*"));
}

TEST(ExcludePatternsTest, FullNameWhereEveryPrefixCollides) {
  const std::vector<std::string> kept = {"model.language_model.layers.0.mlp.down_proj"};
  EXPECT_THAT(ExcludePatterns(kept, kQuantized),
              ElementsAre("model.language_model.layers.0.mlp.down_proj"));
}

TEST(SelectLinearsTest, EveryLinearOfTheLayersAndNothingElse) {
  const Checkpoint source = Value(Checkpoint::Open(testing::SourcePath("models/tiny")));
  const Selection selection = SelectLinears(source.config());
  // 12 layers of q, k, o, gate, up, down; v in the 10 sliding ones.
  EXPECT_EQ(selection.quantized.size(), 12u * 6 + 10);
  EXPECT_THAT(selection.exclude, ElementsAre("lm_head", "model.embed_audio*", "model.embed_vision*",
                                             "model.vision_embedder*"));
  EXPECT_THAT(selection.warnings, IsEmpty());
}

TEST(SelectLinearsTest, TheRealModelHas328) {
  const auto config = Value(
      ModelConfig::Parse(testing::ReadBytes(testing::SourcePath("tests/data/config_12b.json"))));
  int64_t linears = 0;
  for (const TensorSpec& spec : TensorSpecs(config)) {
    if (spec.kind != TensorKind::kLinear) continue;
    ++linears;
    EXPECT_EQ(spec.shape[1] % 16, 0);
  }
  EXPECT_EQ(linears, 328);
}

/// 40 inputs are no multiple of 16: down_proj stays, is listed by name, and is warned about.
TEST(SelectLinearsTest, WidthsThatNoBlockFitsStay) {
  const testing::TemporaryFolder folder;
  const auto copy = folder.path() / "tiny";
  testing::CopyCheckpoint(testing::CasePath("tiny"), copy);
  testing::EditJson(copy / "config.json",
                    [](auto& json) { json.at("text_config").at("intermediate_size") = 40; });
  const Selection selection = SelectLinears(Value(Checkpoint::Open(copy)).config());
  EXPECT_EQ(selection.warnings.size(), 6u);
  for (const TensorSpec& spec : selection.quantized) {
    EXPECT_FALSE(spec.module.ends_with("down_proj"));
  }
  EXPECT_THAT(selection.exclude,
              ::testing::Contains("model.language_model.layers.3.mlp.down_proj"));
}

}  // namespace
}  // namespace facet
