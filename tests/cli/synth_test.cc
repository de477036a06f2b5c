// facet synth, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/background_process.h"
#include "testing/exported.h"

namespace facet {
namespace {

using ::testing::HasSubstr;
using testing::ProcessResult;
using testing::RunFacet;

class SynthCommandTest : public ::testing::Test {
 protected:
  std::string Folder(const std::string& name) const { return (temporary_.path() / name).string(); }
  testing::TemporaryFolder temporary_;
};

TEST_F(SynthCommandTest, MakesACheckpointThatVerifiesAndRuns) {
  const ProcessResult made =
      RunFacet({"synth", Folder("s"), "--like", "tiny", "--layers", "6", "--seed", "3", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto json = nlohmann::json::parse(made.out);
  EXPECT_EQ(json.at("target"), Folder("s"));
  EXPECT_EQ(json.at("like"), "tiny");
  EXPECT_EQ(json.at("format"), "nvfp4");
  EXPECT_EQ(json.at("layers"), 6);
  EXPECT_EQ(json.at("seed"), 3);
  EXPECT_EQ(json.at("tensors_quantized"), 41);
  EXPECT_EQ(json.at("shards"), 1);
  EXPECT_EQ(json.at("warnings").size(), 0u);
  EXPECT_EQ(json.at("output_bytes").get<size_t>() / 100'000,
            std::filesystem::file_size(Folder("s") + "/model.safetensors") / 100'000);
  EXPECT_EQ(RunFacet({"verify", Folder("s")}).exit_code, 0);
  const ProcessResult answer =
      RunFacet({"run", Folder("s"), "Hello", "--max-tokens", "4", "--temperature", "0"});
  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("4 tokens"));
  EXPECT_THAT(testing::ReadBytes(Folder("s") + "/README.md"), HasSubstr("Synthetic weights"));
  EXPECT_EQ(testing::JsonFile(Folder("s") + "/hf_quant_config.json").at("written_by").dump(),
            R"({"name":"facet","method":"synth"})");
}

TEST_F(SynthCommandTest, BothFormatsQuantizeAndDequantizeOn) {
  ASSERT_EQ(RunFacet({"synth", Folder("b"), "--like", "tiny", "--layers", "2", "--format", "bf16"})
                .exit_code,
            0);
  const ProcessResult quantized = testing::Quantize(Folder("b"), Folder("q"));
  EXPECT_EQ(quantized.exit_code, 0) << quantized.err;
  ASSERT_EQ(RunFacet({"synth", Folder("n"), "--like", "tiny", "--layers", "2"}).exit_code, 0);
  EXPECT_EQ(RunFacet({"dequantize", Folder("n"), Folder("d")}).exit_code, 0);
}

TEST_F(SynthCommandTest, WarnsWhereNoModelEndsLikeThis) {
  const ProcessResult made = RunFacet({"synth", Folder("s"), "--like", "tiny", "--layers", "2"});
  EXPECT_EQ(made.exit_code, 0);
  EXPECT_THAT(made.err, HasSubstr("2 layers end with a sliding one"));
  EXPECT_THAT(made.out, HasSubstr("14 linears in NVFP4"));
}

TEST_F(SynthCommandTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(RunFacet({"synth"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"synth", Folder("s"), "--format", "fp8"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"synth", Folder("s"), "--layers", "0"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"synth", Folder("s"), "--seed", "-1"}).exit_code, 2);
  const ProcessResult unknown = RunFacet({"synth", Folder("s"), "--like", "31b"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("12b and tiny are known"));
  EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
}

TEST_F(SynthCommandTest, ATargetThatExistsIsRefusedAndUntouched) {
  std::filesystem::create_directory(Folder("s"));
  testing::WriteBytes(Folder("s") + "/mine", "precious");
  const ProcessResult refused = RunFacet({"synth", Folder("s"), "--like", "tiny"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, HasSubstr("exists already"));
  EXPECT_EQ(testing::ReadBytes(Folder("s") + "/mine"), "precious");
}

/// A model of a second or two: stopped as soon as its first file has begun.
TEST_F(SynthCommandTest, InterruptsCleanUp) {
  for (const int signal : {SIGINT, SIGTERM}) {
    testing::BackgroundProcess process({FACET_BINARY, "synth", Folder("s"), "--like", "tiny",
                                        "--format", "bf16", "--layers", "512"});
    ASSERT_TRUE(process.WaitUntil([&] {
      std::error_code error;
      return !std::filesystem::is_empty(Folder(".s.partial"), error) && !error;
    }));
    process.Signal(signal);
    EXPECT_EQ(process.Wait(), 130);
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
  }
}

TEST_F(SynthCommandTest, AFullDiskLeavesNothing) {
  const ProcessResult result =
      testing::RunProcess({"bash", "-c", "trap '' XFSZ; ulimit -f 1000; exec \"$@\"", "_",
                           FACET_BINARY, "synth", Folder("s"), "--like", "tiny"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
}

}  // namespace
}  // namespace facet
