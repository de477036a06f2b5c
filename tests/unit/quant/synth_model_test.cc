#include "quant/synth_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/generation_config.h"
#include "checkpoint/model_config.h"
#include "checkpoint/processor_config.h"
#include "checkpoint/tensor_specs.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReadBytes;
using testing::SourcePath;
using testing::Value;

int64_t Linears(const std::vector<TensorSpec>& specs) {
  return std::ranges::count(specs, TensorKind::kLinear, &TensorSpec::kind);
}

TEST(SynthModelTest, The12BHasThePublishedConfiguration) {
  const SynthModel model = Value(SynthModelLike("12b", {}));
  EXPECT_EQ(json::parse(model.config_json),
            json::parse(ReadBytes(SourcePath("tests/data/config_12b.json"))));
  EXPECT_THAT(model.warnings, IsEmpty());
  EXPECT_EQ(model.vocabulary.size, 262144);
}

TEST(SynthModelTest, LayersChangeTheirNumberAndTheirKindsOnly) {
  for (const int64_t layers : {1, 6, 7, 49}) {
    const SynthModel model = Value(SynthModelLike("12b", layers));
    json config = json::parse(model.config_json);
    const auto parsed = Value(ModelConfig::Parse(model.config_json));
    ASSERT_EQ(parsed.layers.size(), static_cast<size_t>(layers));
    for (size_t i = 0; i < parsed.layers.size(); ++i) {
      EXPECT_EQ(parsed.layers[i].kind == LayerKind::kFull, i % 6 == 5) << i;
    }
    EXPECT_EQ(Linears(TensorSpecs(parsed)), 7 * layers - layers / 6);
    EXPECT_EQ(model.warnings.empty(), layers % 6 == 0) << layers;
    json whole = json::parse(Value(SynthModelLike("12b", {})).config_json);
    for (json* text : {&config["text_config"], &whole["text_config"]}) {
      text->erase("layer_types");
      text->erase("num_hidden_layers");
    }
    EXPECT_EQ(config, whole);
  }
}

TEST(SynthModelTest, TinyHasTheTensorsOfTheTinyModel) {
  const auto made = Value(ModelConfig::Parse(Value(SynthModelLike("tiny", {})).config_json));
  const auto real = Value(ModelConfig::Parse(ReadBytes(SourcePath("models/tiny/config.json"))));
  const auto specs = TensorSpecs(made);
  const auto expected = TensorSpecs(real);
  ASSERT_EQ(specs.size(), expected.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    EXPECT_EQ(specs[i].name, expected[i].name);
    EXPECT_EQ(specs[i].shape, expected[i].shape) << specs[i].name;
  }
  for (size_t i = 0; i < made.layers.size(); ++i) {
    EXPECT_EQ(made.layers[i].window, real.layers[i].window);
    EXPECT_EQ(made.layers[i].rope.theta, real.layers[i].rope.theta);
    EXPECT_EQ(made.layers[i].rope.partial_rotary_factor, real.layers[i].rope.partial_rotary_factor);
  }
  EXPECT_EQ(made.tokens.image_end, real.tokens.image_end);
}

TEST(SynthModelTest, TheOtherFilesSayWhatThePublishedOnesDo) {
  const SynthModel model = Value(SynthModelLike("12b", {}));
  const auto generation = Value(GenerationConfig::Parse(model.generation_config_json, 262144));
  EXPECT_TRUE(generation.do_sample);
  EXPECT_EQ(generation.temperature, 1);
  EXPECT_EQ(generation.top_k, 64);
  EXPECT_EQ(generation.top_p, 0.95);
  EXPECT_THAT(generation.stop_tokens, ElementsAre(1, 106, 50));
  EXPECT_THAT(generation.suppress_tokens, ElementsAre(258883, 258882));
  const auto processor = Value(ProcessorConfig::Parse(model.processor_config_json));
  EXPECT_EQ(processor.image_patch_size, 16);
  EXPECT_EQ(processor.image_pooling, 3);
  EXPECT_EQ(processor.image_max_soft_tokens, 280);
  EXPECT_EQ(processor.audio_sampling_rate, 16000);
  EXPECT_EQ(processor.audio_samples_per_token, 640);
  EXPECT_EQ(processor.audio_max_tokens, 750);
}

TEST(SynthModelTest, RefusesWhatItDoesNotKnow) {
  const Error unknown = ErrorOf(SynthModelLike("27b", {}));
  EXPECT_EQ(unknown.code, ErrorCode::kUsage);
  EXPECT_THAT(unknown.message, HasSubstr("\"27b\": 12b and tiny are known"));
  for (const int64_t layers : {int64_t{-1}, int64_t{0}, kMaxSynthLayers + 1}) {
    EXPECT_EQ(ErrorOf(SynthModelLike("12b", layers)).code, ErrorCode::kUsage) << layers;
  }
}

}  // namespace
}  // namespace facet
