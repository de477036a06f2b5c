// config.json: both spellings, the rotation's rules (C07), head counts (C06), and what facet lacks.
#include "checkpoint/model_config.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::CasePath;
using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReadBytes;
using testing::SourcePath;
using testing::Value;

json Config12B() { return json::parse(ReadBytes(SourcePath("tests/data/config_12b.json"))); }

ModelConfig Parsed(const json& config) { return Value(ModelConfig::Parse(config.dump())); }
Error Refused(const json& config) { return ErrorOf(ModelConfig::Parse(config.dump())); }

TEST(ModelConfigTest, ReadsThe12B) {
  const ModelConfig config = Parsed(Config12B());
  EXPECT_EQ(config.vocabulary, 262144);
  EXPECT_EQ(config.hidden, 3840);
  EXPECT_EQ(config.intermediate, 15360);
  EXPECT_EQ(config.max_positions, 262144);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.logit_softcap, 30);
  EXPECT_TRUE(config.bidirectional_images);
  ASSERT_EQ(config.layers.size(), 48u);
  for (size_t i = 0; i < 48; ++i) {
    const LayerConfig& layer = config.layers[i];
    const bool full = i % 6 == 5;
    EXPECT_EQ(layer.kind, full ? LayerKind::kFull : LayerKind::kSliding);
    EXPECT_EQ(layer.heads, 16);
    EXPECT_EQ(layer.kv_heads, full ? 1 : 8);
    EXPECT_EQ(layer.head_dim, full ? 512 : 256);
    EXPECT_EQ(layer.window, full ? 0 : 1024);
    EXPECT_EQ(layer.key_is_value, full);
    EXPECT_EQ(layer.rope.theta, full ? 1e6 : 1e4);
    EXPECT_EQ(layer.rope.partial_rotary_factor, full ? 0.25 : 1);
  }
  ASSERT_TRUE(config.vision && config.audio);
  EXPECT_EQ(config.vision->patch_side, 48);
  EXPECT_EQ(config.vision->patch_elements(), 6912);
  EXPECT_EQ(config.vision->position_limit, 1120);
  EXPECT_EQ(config.audio->samples_per_token, 640);
  EXPECT_EQ(config.tokens.image, 258880);
  EXPECT_EQ(config.tokens.audio_end, 258883);
  EXPECT_EQ(config.tokens.eos, 1);
  EXPECT_EQ(config.tokens.bos, 2);
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(ModelConfigTest, PerLayerSpellingMeansTheSame) {
  json config = Config12B();
  json& text = config["text_config"];
  text.erase("global_head_dim");
  text.erase("num_global_key_value_heads");
  for (int i = 5; i < 48; i += 6) {
    text["per_layer_config"][fmt::format("{:02}", i)] = {{"head_dim", 512},
                                                         {"num_key_value_heads", 1}};
  }
  const ModelConfig newer = Parsed(config);
  EXPECT_EQ(newer.layers[5].head_dim, 512);
  EXPECT_EQ(newer.layers[5].kv_heads, 1);
  EXPECT_EQ(newer.layers[4].head_dim, 256);

  json odd = config;
  odd["text_config"]["per_layer_config"]["48"] = {{"head_dim", 512}};
  EXPECT_THAT(Refused(odd).message, HasSubstr("per_layer_config has key \"48\""));
  odd = config;
  odd["text_config"]["per_layer_config"]["05"]["sliding_window"] = 7;
  EXPECT_THAT(Refused(odd).message, HasSubstr("per_layer_config.05.sliding_window"));
}

TEST(ModelConfigTest, AbsentGlobalHeadsMeanKeyValueHeads) {
  for (const bool erase : {false, true}) {
    json config = Config12B();
    config["text_config"]["num_global_key_value_heads"] = nullptr;
    if (erase) config["text_config"].erase("num_global_key_value_heads");
    EXPECT_EQ(Parsed(config).layers[5].kv_heads, 8);
  }
  json config = Config12B();
  config["text_config"]["num_global_key_value_heads"] = 3;
  EXPECT_THAT(Refused(config).message, HasSubstr("16 query heads, not a multiple of its 3"));
}

TEST(ModelConfigTest, AbsentRotationMeansTheDefaultsAndIsSaid) {
  json config = Config12B();
  config["text_config"].erase("rope_parameters");
  const ModelConfig parsed = Parsed(config);
  EXPECT_EQ(parsed.layers[0].rope.theta, 1e4);
  EXPECT_EQ(parsed.layers[0].rope.partial_rotary_factor, 1);
  EXPECT_EQ(parsed.layers[5].rope.theta, 1e6);
  EXPECT_EQ(parsed.layers[5].rope.partial_rotary_factor, 0.25);
  EXPECT_THAT(parsed.warnings, ElementsAre(HasSubstr("rope_parameters is missing")));
}

TEST(ModelConfigTest, PartialOrUnknownRotationIsRefusedByKey) {
  const auto refused = [](auto edit) {
    json config = Config12B();
    edit(config["text_config"]["rope_parameters"]);
    return Refused(config);
  };
  EXPECT_THAT(refused([](json& rope) { rope.erase("full_attention"); }).message,
              HasSubstr("text_config.rope_parameters.full_attention is missing"));
  EXPECT_THAT(refused([](json& rope) { rope.erase("sliding_attention"); }).message,
              HasSubstr("rope_parameters.sliding_attention is missing"));
  EXPECT_THAT(
      refused([](json& rope) { rope["full_attention"].erase("partial_rotary_factor"); }).message,
      HasSubstr("rope_parameters.full_attention.partial_rotary_factor is missing"));
  EXPECT_THAT(refused([](json& rope) { rope["full_attention"].erase("rope_theta"); }).message,
              HasSubstr("full_attention.rope_theta is missing"));
  const Error yarn = refused([](json& rope) { rope["full_attention"]["rope_type"] = "yarn"; });
  EXPECT_EQ(yarn.code, ErrorCode::kUnsupported);
  EXPECT_THAT(yarn.message, HasSubstr("full_attention.rope_type is \"yarn\""));
  const Error scaled = refused([](json& rope) { rope["sliding_attention"]["factor"] = 8; });
  EXPECT_EQ(scaled.code, ErrorCode::kUnsupported);
}

TEST(RopeConfigTest, ProportionalFrequenciesSpanTheWholeHead) {
  const RopeConfig full{.theta = 1e6, .partial_rotary_factor = 0.25};
  const std::vector<double> frequencies = full.InverseFrequencies(512);
  ASSERT_EQ(frequencies.size(), 256u);
  EXPECT_EQ(frequencies[0], 1);
  EXPECT_DOUBLE_EQ(frequencies[63], std::pow(1e6, -126.0 / 512));
  EXPECT_EQ(frequencies[64], 0);
  EXPECT_EQ(frequencies[255], 0);
  const std::vector<double> sliding = RopeConfig{}.InverseFrequencies(256);
  EXPECT_DOUBLE_EQ(sliding[127], std::pow(1e4, -254.0 / 256));
  const RopeConfig slowed{.theta = 1e6, .partial_rotary_factor = 1, .factor = 4};
  EXPECT_DOUBLE_EQ(slowed.InverseFrequencies(64)[1], std::pow(1e6, -2.0 / 64) / 4);
}

TEST(ModelConfigTest, WhatFacetLacksIsRefusedByName) {
  const std::pair<std::string, json> lacking[] = {{"enable_moe_block", true},
                                                  {"hidden_size_per_layer_input", 256},
                                                  {"num_kv_shared_layers", 20},
                                                  {"attention_bias", true},
                                                  {"hidden_activation", "silu"},
                                                  {"use_double_wide_mlp", true},
                                                  {"use_bidirectional_attention", "all"},
                                                  {"use_bidirectional_attention", true},
                                                  {"tie_word_embeddings", false}};
  for (const auto& [key, value] : lacking) {
    json config = Config12B();
    config["text_config"][key] = value;
    const Error error = Refused(config);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << key;
    EXPECT_THAT(error.message, HasSubstr("text_config." + key));
  }
}

TEST(ModelConfigTest, OtherArchitecturesAreRefused) {
  json config = Config12B();
  config["architectures"] = {"Gemma4ForConditionalGeneration"};
  EXPECT_EQ(Refused(config).code, ErrorCode::kUnsupported);
  config = Config12B()["text_config"];
  const Error text_only = Refused(config);
  EXPECT_EQ(text_only.code, ErrorCode::kUnsupported);
  EXPECT_THAT(text_only.message, HasSubstr("text-only"));
  config = Config12B();
  config.erase("text_config");
  EXPECT_THAT(Refused(config).message, HasSubstr("text_config is missing"));
}

TEST(ModelConfigTest, CausalImagesAndAbsentModalities) {
  json config = Config12B();
  config["text_config"]["use_bidirectional_attention"] = nullptr;
  config.erase("audio_config");
  config["vision_config"] = nullptr;
  const ModelConfig parsed = Parsed(config);
  EXPECT_FALSE(parsed.bidirectional_images);
  EXPECT_FALSE(parsed.vision);
  EXPECT_FALSE(parsed.audio);
}

TEST(ModelConfigTest, SizesAreCheckedAndNamed) {
  const std::pair<std::string, json> wrong[] = {{"vocab_size", 0},
                                                {"vocab_size", "262144"},
                                                {"hidden_size", -3840},
                                                {"hidden_size", 1e30},
                                                {"num_hidden_layers", 47},
                                                {"head_dim", 255},
                                                {"intermediate_size", 1.5},
                                                {"num_attention_heads", 0},
                                                {"sliding_window", 0},
                                                {"rms_norm_eps", 0},
                                                {"final_logit_softcapping", -1},
                                                {"layer_types", "sliding"},
                                                {"num_key_value_heads", 18446744073709551615u},
                                                {"max_position_embeddings", true}};
  for (const auto& [key, value] : wrong) {
    json config = Config12B();
    config["text_config"][key] = value;
    const Error error = Refused(config);
    EXPECT_EQ(error.code, ErrorCode::kInvalidData) << key;
    EXPECT_THAT(error.message, HasSubstr(key));
    config["text_config"].erase(key);
  }
  json config = Config12B();
  config["image_token_id"] = 262144;
  EXPECT_THAT(Refused(config).message, HasSubstr("image_token_id"));
  config = Config12B();
  config["vision_config"]["output_proj_dims"] = 1;
  EXPECT_THAT(Refused(config).message, HasSubstr("vision_config.output_proj_dims"));
}

TEST(ModelConfigTest, RefusesBrokenJson) {
  for (const std::string text : {"", "[]", "{", "nul", "\xff"}) {
    EXPECT_EQ(ErrorOf(ModelConfig::Parse(text)).code, ErrorCode::kInvalidData) << text;
  }
  const std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_THAT(ErrorOf(ModelConfig::Parse(deep)).message, HasSubstr("deeper"));
}

}  // namespace
}  // namespace facet
