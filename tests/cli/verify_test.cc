// facet verify as a user runs it: exit codes, counts (C06), layouts (C05), group scales (C09).
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/process.h"

namespace facet {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::CasePath;
using testing::CopyCheckpoint;
using testing::EditJson;
using ::testing::HasSubstr;
using testing::Poke;
using testing::RunFacet;
using testing::RunProcess;
using testing::SourcePath;
using testing::TemporaryFolder;

/// Findings with this code.
int Count(const json& report, const std::string& code) {
  int count = 0;
  for (const json& finding : report["findings"]) count += finding["code"] == code;
  return count;
}

TEST(VerifyTest, SoundCheckpointsExitWithZero) {
  for (const auto& folder : {SourcePath("models/tiny"), CasePath("tiny"), CasePath("tiny_modelopt"),
                             CasePath("tiny_ct"), CasePath("c03/ok"), CasePath("c03/stray")}) {
    const auto result = RunFacet({"verify", folder.string()});
    EXPECT_EQ(result.exit_code, 0) << folder << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("0 errors"));
  }
}

TEST(VerifyTest, CountsTheQuantizedLinears) {
  const auto result = RunFacet({"verify", CasePath("tiny_modelopt").string(), "--json"});
  EXPECT_EQ(result.exit_code, 0);
  const json report = json::parse(result.out);
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["quantized_linears"], 41);
  EXPECT_EQ(report["linears"], 41);
  EXPECT_EQ(Count(report, "group_weight_scales_differ"), 12);  // qkv and gate/up of 6 layers
}

TEST(VerifyTest, TheErrorOfEachTensorAgainstAReference) {
  const auto result = RunFacet(
      {"verify", CasePath("tiny_ct").string(), "--reference", CasePath("tiny").string(), "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json reference = json::parse(result.out)["reference"];
  EXPECT_EQ(reference["tensor_errors"].size(), 41u);
  EXPECT_EQ(reference["identical_tensors"], 55);
  EXPECT_NEAR(reference["total"]["relative_rms_error"].get<double>(), 0.0951, 0.0005);
  EXPECT_NEAR(reference["total"]["sqnr_db"].get<double>(), 20.44, 0.05);
}

TEST(VerifyTest, AReferenceOfAnotherSizeIsRefused) {
  const auto result = RunFacet(
      {"verify", CasePath("tiny_ct").string(), "--reference", SourcePath("models/tiny").string()});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("another model"));
}

TEST(VerifyTest, ContradictionsExitWithOne) {
  const TemporaryFolder temporary;
  const auto copy = temporary.path() / "copy";
  CopyCheckpoint(CasePath("tiny_modelopt"), copy);
  EditJson(copy / "config.json",
           [](auto& value) { value["text_config"]["num_global_key_value_heads"] = 2; });
  Poke(copy / "model.safetensors", "model.language_model.layers.0.mlp.up_proj.weight_scale", 0,
       "7f");
  const auto result = RunFacet({"verify", copy.string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("wrong_shape"), HasSubstr("[32,32]"),
                                HasSubstr("[64,32]"), HasSubstr("nan_block_scale")));
}

TEST(VerifyTest, FilesThatCannotBeOpenedHaveTheirOwnExitCodes) {
  EXPECT_EQ(RunFacet({"verify"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"verify", "/no/such/place"}).exit_code, 3);
  EXPECT_EQ(RunFacet({"verify", CasePath("c03/missing").string()}).exit_code, 3);
  for (const std::string name : {"lfs", "len_max", "empty", "seven", "cut", "tail"}) {
    const TemporaryFolder temporary;
    const auto copy = temporary.path() / "copy";
    CopyCheckpoint(CasePath("tiny"), copy);
    std::filesystem::copy_file(CasePath("c01/" + name + ".safetensors"), copy / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    const auto result = RunProcess(
        {"sh", "-c", "ulimit -v 2000000; exec \"$0\" verify \"$1\"", FACET_BINARY, copy.string()},
        {.timeout = std::chrono::seconds(20)});
    EXPECT_EQ(result.exit_code, 5) << name << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("model.safetensors"), HasSubstr("header length"),
                                  HasSubstr("file size")));
  }
}

TEST(VerifyTest, AQuantizedCacheIsRefused) {
  const TemporaryFolder temporary;
  const auto copy = temporary.path() / "copy";
  CopyCheckpoint(CasePath("tiny_ct"), copy);
  EditJson(copy / "config.json", [](auto& value) {
    value["quantization_config"]["kv_cache_scheme"] = {{"num_bits", 8}, {"type", "float"}};
  });
  const auto result = RunFacet({"verify", copy.string()});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("kv_cache_scheme"));
}

}  // namespace
}  // namespace facet
