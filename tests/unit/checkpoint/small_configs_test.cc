// generation_config.json, processor_config.json and the two statements of a quantization.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/generation_config.h"
#include "checkpoint/processor_config.h"
#include "checkpoint/quant_config.h"
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

TEST(GenerationConfigTest, ReadsThePublishedForm) {
  const GenerationConfig config =
      Value(GenerationConfig::Parse(ReadBytes(CasePath("tiny/generation_config.json")), 512));
  EXPECT_TRUE(config.do_sample);
  EXPECT_EQ(config.temperature, 1);
  EXPECT_EQ(config.top_k, 64);
  EXPECT_EQ(config.top_p, 0.95);
  EXPECT_THAT(config.stop_tokens, ElementsAre(1, 106, 50));
  EXPECT_THAT(config.suppress_tokens, ElementsAre(499, 496));
}

TEST(GenerationConfigTest, DefaultsAreGreedyAndOneStopTokenIsAList) {
  const GenerationConfig config = Value(GenerationConfig::Parse(R"({"eos_token_id": 1})", 2));
  EXPECT_FALSE(config.do_sample);
  EXPECT_EQ(config.top_k, 0);
  EXPECT_THAT(config.stop_tokens, ElementsAre(1));
  EXPECT_THAT(config.suppress_tokens, IsEmpty());
}

TEST(GenerationConfigTest, RefusesByKey) {
  for (const auto& [text, key] : std::vector<std::pair<std::string, std::string>>{
           {R"({"eos_token_id": [1, 512]})", "eos_token_id"},
           {R"({"suppress_tokens": [-1]})", "suppress_tokens"},
           {R"({"temperature": -1})", "temperature"},
           {R"({"top_p": 1.5})", "top_p"},
           {R"({"top_k": 1.5})", "top_k"},
           {R"({"do_sample": 1})", "do_sample"}}) {
    EXPECT_THAT(ErrorOf(GenerationConfig::Parse(text, 512)).message, HasSubstr(key));
  }
}

TEST(ProcessorConfigTest, ReadsBothSpellingsAndKeepsDefaults) {
  const ProcessorConfig tiny =
      Value(ProcessorConfig::Parse(ReadBytes(SourcePath("models/tiny/processor_config.json"))));
  EXPECT_EQ(tiny.image_max_soft_tokens, 70);
  EXPECT_EQ(tiny.image_patch_size, 16);
  EXPECT_EQ(tiny.audio_max_tokens, 750);
  const ProcessorConfig flat = Value(
      ProcessorConfig::Parse(R"({"max_soft_tokens": 560, "size": {"height": 224, "width": 224}})"));
  EXPECT_EQ(flat.image_max_soft_tokens, 560);
  EXPECT_EQ(Value(ProcessorConfig::Parse("{}")).image_max_soft_tokens, 280);
}

TEST(ProcessorConfigTest, RefusesOtherBudgetsAndPixelSteps) {
  EXPECT_THAT(
      ErrorOf(ProcessorConfig::Parse(R"({"image_processor": {"max_soft_tokens": 100}})")).message,
      HasSubstr("70, 140, 280, 560, 1120"));
  for (const std::string text :
       {R"({"do_normalize": true})", R"({"do_rescale": false})", R"({"resample": 0})"}) {
    EXPECT_EQ(ErrorOf(ProcessorConfig::Parse(text)).code, ErrorCode::kUnsupported) << text;
  }
}

json CompressedConfig() { return json::parse(ReadBytes(CasePath("tiny_ct/config.json"))); }

TEST(QuantConfigTest, ReadsModeloptInBothFiles) {
  const QuantConfig own = Value(
      QuantConfig::ParseHfQuantConfig(ReadBytes(CasePath("tiny_modelopt/hf_quant_config.json"))));
  const auto stated =
      Value(QuantConfig::ParseConfigJson(ReadBytes(CasePath("tiny_modelopt/config.json"))));
  ASSERT_TRUE(stated);
  for (const QuantConfig& config : {own, *stated}) {
    EXPECT_EQ(config.layout, QuantLayout::kModelopt);
    EXPECT_EQ(config.algorithm, "NVFP4");
    EXPECT_EQ(config.producer, "modelopt 0.44.0");
    EXPECT_EQ(config.group_size, 16);
    EXPECT_FALSE(config.kv_cache);
    EXPECT_THAT(config.exclude,
                ElementsAre("lm_head", "model.embed_audio*", "model.embed_vision*"));
  }
  EXPECT_FALSE(Value(QuantConfig::ParseConfigJson(ReadBytes(CasePath("tiny/config.json")))));
}

TEST(QuantConfigTest, ReadsCompressedTensors) {
  const auto config = Value(QuantConfig::ParseConfigJson(CompressedConfig().dump()));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->layout, QuantLayout::kCompressedTensors);
  EXPECT_EQ(config->algorithm, "nvfp4-pack-quantized");
  EXPECT_TRUE(config->Excludes("lm_head"));
  EXPECT_FALSE(config->Excludes("x.lm_head"));
  EXPECT_TRUE(config->Excludes("model.embed_vision.embedding_projection"));
  EXPECT_FALSE(config->Excludes("model.language_model.layers.0.mlp.up_proj"));
}

TEST(QuantConfigTest, AQuantizedCacheIsRefusedNotIgnored) {
  json config = CompressedConfig();
  config["quantization_config"]["kv_cache_scheme"] = {{"num_bits", 8}, {"type", "float"}};
  const Error compressed = ErrorOf(QuantConfig::ParseConfigJson(config.dump()));
  EXPECT_EQ(compressed.code, ErrorCode::kUnsupported);
  EXPECT_THAT(compressed.message, HasSubstr("kv_cache_scheme"));
  const Error modelopt = ErrorOf(QuantConfig::ParseHfQuantConfig(
      R"({"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}})"));
  EXPECT_EQ(modelopt.code, ErrorCode::kUnsupported);
  EXPECT_THAT(modelopt.message, HasSubstr("kv_cache_quant_algo"));
}

TEST(QuantConfigTest, OtherMethodsAndSizesAreRefusedByKey) {
  const auto refused = [](auto edit) {
    json config = CompressedConfig();
    edit(config["quantization_config"]);
    const Error error = ErrorOf(QuantConfig::ParseConfigJson(config.dump()));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    return error.message;
  };
  EXPECT_THAT(refused([](json& q) { q["quant_method"] = "gptq"; }), HasSubstr("quant_method"));
  EXPECT_THAT(refused([](json& q) { q["format"] = "mixed-precision"; }), HasSubstr("format"));
  EXPECT_THAT(refused([](json& q) { q["config_groups"]["group_0"]["weights"]["group_size"] = 32; }),
              HasSubstr("group_0.weights.group_size"));
  EXPECT_THAT(refused([](json& q) { q["config_groups"]["group_0"]["weights"]["num_bits"] = 8; }),
              HasSubstr("num_bits"));
  EXPECT_THAT(refused([](json& q) { q["ignore"] = {"re:(a{1000}){1000}"}; }), HasSubstr("ignore"));
  EXPECT_THAT(refused([](json& q) { q["ignore"] = {"re:(("}; }), HasSubstr("ignore"));
  EXPECT_THAT(
      ErrorOf(QuantConfig::ParseHfQuantConfig(R"({"quantization": {"quant_algo": "NVFP4_AWQ"}})"))
          .message,
      HasSubstr("NVFP4_AWQ"));
}

TEST(QuantConfigTest, GlobsCrossDotsAndExactNamesAreExact) {
  QuantConfig config;
  config.exclude = {"lm_head", "model.embed_vision*", "*.router.*", "a?c", "x*y*z"};
  EXPECT_TRUE(config.Excludes("lm_head"));
  EXPECT_FALSE(config.Excludes("model.lm_head"));
  EXPECT_TRUE(config.Excludes("model.embed_vision"));
  EXPECT_TRUE(config.Excludes("model.embed_vision.embedding_projection"));
  EXPECT_TRUE(config.Excludes("layers.0.router.proj"));
  EXPECT_FALSE(config.Excludes("layers.0.router"));
  EXPECT_TRUE(config.Excludes("abc"));
  EXPECT_FALSE(config.Excludes("ac"));
  EXPECT_TRUE(config.Excludes("xyyyzz"));
  EXPECT_FALSE(config.Excludes("xyyyzza"));
  EXPECT_FALSE(config.Excludes("LM_HEAD"));
}

}  // namespace
}  // namespace facet
