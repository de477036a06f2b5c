// facet inspect as a user runs it: folders, single files, and weight files that lie (C01, C03,
// C05).
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/backend_factory.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/process.h"

namespace facet {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::CasePath;
using testing::CopyCheckpoint;
using ::testing::HasSubstr;
using testing::RunFacet;
using testing::RunProcess;
using testing::SourcePath;
using testing::TemporaryFolder;

json InspectJson(const std::filesystem::path& path) {
  const auto result = RunFacet({"inspect", path.string(), "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out);
}

TEST(InspectTest, ShowsATrainedModel) {
  const auto text = RunFacet({"inspect", SourcePath("models/tiny").string()});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("8,246,668"), HasSubstr("10 sliding"),
                              HasSubstr("values are the keys"), HasSubstr("On this machine")));
  const json report = InspectJson(SourcePath("models/tiny"));
  EXPECT_EQ(report["architecture"], "gemma4_unified");
  EXPECT_EQ(report["format"], "bf16");
  EXPECT_EQ(report["parameters"], 8'246'668);
  EXPECT_EQ(report["compression"], 1.0);
  EXPECT_EQ(report["shards"].size(), 3u);
  EXPECT_EQ(report["plan"]["activations"], "bf16");
  EXPECT_EQ(report["plan"]["backend"], ChooseBackend().name);
  EXPECT_FALSE(report["device"]["reason"].get<std::string>().empty());
}

TEST(InspectTest, SaysRoutesAndMemory) {
  const json report = InspectJson(CasePath("tiny_modelopt"));
  ASSERT_GE(report["plan"]["routes"].size(), 4u);
  EXPECT_EQ(report["plan"]["routes"][0]["layers"], "NVFP4 linears");
  EXPECT_EQ(report["plan"]["routes"][0]["native"], false);
  EXPECT_FALSE(report["plan"]["routes"][0]["reason"].get<std::string>().empty());
  EXPECT_GT(report["memory"]["available_bytes"].get<int64_t>(), 0);
  EXPECT_GT(report["memory"]["cache_bytes"].get<int64_t>(), 0);
  EXPECT_EQ(report["memory"]["largest_context"], report["memory"]["context"]);
  const auto text = RunFacet({"inspect", CasePath("tiny_modelopt").string()});
  EXPECT_THAT(text.out, AllOf(HasSubstr("routes      NVFP4 linears: "), HasSubstr("head: "),
                              HasSubstr("attention, full layers: "), HasSubstr("available; ")));
}

TEST(InspectTest, NamesTheLayoutOfQuantizedWeights) {
  const json modelopt = InspectJson(CasePath("tiny_modelopt"));
  EXPECT_EQ(modelopt["format"], "nvfp4_modelopt");
  EXPECT_EQ(modelopt["quantized_linears"], 41);
  EXPECT_GT(modelopt["compression"], 1.0);
  EXPECT_EQ(modelopt["plan"]["other_activations"], "nvfp4");
  const json compressed = InspectJson(CasePath("tiny_ct"));
  EXPECT_EQ(compressed["format"], "nvfp4_compressed_tensors");
  EXPECT_EQ(compressed["bytes"], modelopt["bytes"]);
}

TEST(InspectTest, ListsTheHeaderOfOneFile) {
  const auto file = CasePath("tiny/model.safetensors");
  const json report = InspectJson(file);
  EXPECT_EQ(report["tensors"].size(), 96u);
  const auto text = RunFacet({"inspect", file.string()});
  EXPECT_THAT(text.out, HasSubstr("model.language_model.norm.weight"));
}

TEST(InspectTest, FilesWhoseHeaderLiesAreRefusedInOneLine) {
  for (const std::string name : {"lfs", "len_max", "empty", "seven", "cut", "tail"}) {
    const auto file = CasePath("c01/" + name + ".safetensors");
    const auto result = RunProcess(
        {"sh", "-c", "ulimit -v 2000000; exec \"$0\" inspect \"$1\"", FACET_BINARY, file.string()},
        {.timeout = std::chrono::seconds(20)});
    EXPECT_EQ(result.exit_code, 5) << name << result.err;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    const auto size = std::to_string(std::filesystem::file_size(file));
    EXPECT_THAT(result.err, AllOf(HasSubstr(name + ".safetensors"), HasSubstr("header length"),
                                  HasSubstr("file size " + size + " bytes")));
    EXPECT_EQ(result.err.find("git-lfs pointer") != std::string::npos, name == "lfs");
  }
}

TEST(InspectTest, TheIndexDecides) {
  const auto missing = RunFacet({"inspect", CasePath("c03/missing").string()});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("model-00002-of-00002.safetensors"));
  const json whole = InspectJson(CasePath("c03/ok"));
  const json stray = InspectJson(CasePath("c03/stray"));
  EXPECT_EQ(whole["weights"], stray["weights"]);
  EXPECT_TRUE(whole["warnings"].empty());
  EXPECT_EQ(stray["warnings"].size(), 1u);
}

TEST(InspectTest, RotationRules) {
  const TemporaryFolder temporary;
  const auto copy = temporary.path() / "copy";
  CopyCheckpoint(CasePath("tiny"), copy);
  const auto edit = [&](auto change) {
    std::filesystem::copy_file(CasePath("tiny/config.json"), copy / "config.json",
                               std::filesystem::copy_options::overwrite_existing);
    testing::EditJson(copy / "config.json", [&](auto& value) { change(value["text_config"]); });
    return RunFacet({"inspect", copy.string()});
  };
  const auto absent = edit([](auto& text) { text.erase("rope_parameters"); });
  EXPECT_EQ(absent.exit_code, 0);
  EXPECT_THAT(absent.out, HasSubstr("rope_parameters is missing"));
  const auto partly = edit([](auto& text) { text["rope_parameters"].erase("full_attention"); });
  EXPECT_EQ(partly.exit_code, 5);
  EXPECT_THAT(partly.err, HasSubstr("rope_parameters.full_attention is missing"));
  const auto yarn =
      edit([](auto& text) { text["rope_parameters"]["full_attention"]["rope_type"] = "yarn"; });
  EXPECT_EQ(yarn.exit_code, 6);
  EXPECT_THAT(yarn.err, HasSubstr("rope_type"));
}

TEST(InspectTest, UsageAndAbsence) {
  EXPECT_EQ(RunFacet({"inspect"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"inspect", "/no/such/place"}).exit_code, 3);
  const auto help = RunFacet({"inspect", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
}

}  // namespace
}  // namespace facet
