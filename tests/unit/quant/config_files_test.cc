#include "quant/config_files.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/quant_config.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using nlohmann::ordered_json;
using testing::ErrorOf;
using testing::Value;

const QuantizationFacts kFacts{.profile = {DivisionProfile::kMulRcp, ModeloptCompat::k044},
                               .exclude = {"lm_head", "model.embed_audio*"}};

TEST(ConfigFilesTest, HfQuantConfigHasTheKeysThatReadersRequire) {
  const auto file = ordered_json::parse(HfQuantConfigJson(kFacts));
  EXPECT_EQ(file.at("producer"), ordered_json::parse(R"({"name":"modelopt","version":"0.44.0"})"));
  EXPECT_EQ(file.at("quantization"),
            ordered_json::parse(R"({"quant_algo":"NVFP4","kv_cache_quant_algo":null,"group_size":16,
                                    "exclude_modules":["lm_head","model.embed_audio*"]})"));
  EXPECT_EQ(file.at("written_by").at("name"), "facet");
  EXPECT_EQ(file.at("written_by").at("division"), "mul_rcp");
}

TEST(ConfigFilesTest, WhatIsDrawnClaimsNoMethodOfQuantization) {
  QuantizationFacts facts = kFacts;
  facts.measured = false;
  const auto file = ordered_json::parse(HfQuantConfigJson(facts));
  EXPECT_EQ(file.at("written_by").dump(), R"({"name":"facet","method":"synth"})");
}

TEST(ConfigFilesTest, ConfigJsonKeepsEverythingElseInOrder) {
  const std::string before =
      R"({"z": 1, "a": {"y": 1e-06, "b": 1000000.0}, "text": "ü", "n": null, "l": [3, 1, 2]})";
  const auto after = ordered_json::parse(Value(AddQuantizationConfig(before, kFacts)));
  std::vector<std::string> keys;
  for (const auto& [key, value] : after.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"z", "a", "text", "n", "l", "quantization_config"}));
  auto stripped = after;
  stripped.erase("quantization_config");
  EXPECT_EQ(stripped.dump(), ordered_json::parse(before).dump());
  EXPECT_EQ(after.at("quantization_config"), ordered_json::parse(R"({
    "config_groups": {"group_0": {
      "input_activations": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16},
      "weights": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16},
      "targets": ["Linear"]}},
    "ignore": ["lm_head", "model.embed_audio*"], "quant_algo": "NVFP4",
    "producer": {"name": "modelopt", "version": "0.44.0"}, "quant_method": "modelopt"})"));
}

TEST(ConfigFilesTest, OurReaderReadsBothFilesAlike) {
  const auto own = Value(QuantConfig::ParseHfQuantConfig(HfQuantConfigJson(kFacts)));
  const auto stated =
      Value(QuantConfig::ParseConfigJson(Value(AddQuantizationConfig("{}", kFacts))));
  ASSERT_TRUE(stated.has_value());
  EXPECT_EQ(own.exclude, kFacts.exclude);
  EXPECT_EQ(stated->exclude, kFacts.exclude);
  EXPECT_EQ(own.algorithm, "NVFP4");
  EXPECT_EQ(stated->algorithm, "NVFP4");
}

TEST(ConfigFilesTest, RemovingGivesBackTheOriginal) {
  const std::string before = R"({"b": 1, "a": [1.5, true]})";
  const std::string added = Value(AddQuantizationConfig(before, kFacts));
  EXPECT_EQ(ordered_json::parse(Value(RemoveQuantizationConfig(added))).dump(),
            ordered_json::parse(before).dump());
  EXPECT_EQ(Value(RemoveQuantizationConfig(R"({"a":1,"compression_config":{}})")),
            "{\n  \"a\": 1\n}\n");
}

TEST(ConfigFilesTest, VersionFollowsTheProfile) {
  QuantizationFacts facts = kFacts;
  facts.profile = {DivisionProfile::kDiv, ModeloptCompat::k045};
  const auto file = ordered_json::parse(HfQuantConfigJson(facts));
  EXPECT_EQ(file.at("producer").at("version"), "0.45.0");
  EXPECT_EQ(file.at("written_by").at("division"), "div");
}

TEST(ConfigFilesTest, RefusesWhatIsNoObject) {
  EXPECT_EQ(ErrorOf(AddQuantizationConfig("[1]", kFacts)).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(RemoveQuantizationConfig("{")).code, ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace facet
