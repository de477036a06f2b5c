// facet bench, as a user runs it, on tiny; what the figures are is the machine's business.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/paths.h"
#include "testing/process.h"

namespace facet {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::ProcessResult;
using testing::RunFacet;
using testing::SourcePath;

ProcessResult Bench(std::vector<std::string> options, const std::string& model = "models/tiny") {
  std::vector<std::string> command = {"bench", SourcePath(model).string(), "--backend", "cpu"};
  command.insert(command.end(), options.begin(), options.end());
  return RunFacet(command);
}

const std::vector<std::string> kSmall = {"--prompts",
                                         "40,70",
                                         "--depths",
                                         "0,200,9000",
                                         "--batches",
                                         "1,3",
                                         "--decode-tokens",
                                         "2",
                                         "--first-token-prompt",
                                         "30",
                                         "--repetitions",
                                         "3"};

std::vector<std::string> With(std::vector<std::string> options,
                              const std::vector<std::string>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

/// Keys of a measured test, and what must hold of its numbers.
void CheckFigures(const json& test) {
  EXPECT_GT(test.at("tokens_per_second").get<double>(), 0);
  EXPECT_LE(test.at("tokens_per_second_min"), test.at("tokens_per_second"));
  EXPECT_GE(test.at("tokens_per_second_max"), test.at("tokens_per_second"));
  EXPECT_LE(test.at("seconds_min"), test.at("seconds"));
  EXPECT_GT(test.at("gb_per_second").get<double>(), 0);
  EXPECT_GT(test.at("tflop_per_second").get<double>(), 0);
  EXPECT_GT(test.at("share_of_read_limit").get<double>(), 0);
  EXPECT_GT(test.at("share_of_compute_limit").get<double>(), 0);
  // Nothing does more operations than the device's fastest arithmetic did alone; a machine with
  // neighbours may have slowed that down.
  EXPECT_LT(test.at("share_of_compute_limit").get<double>(), 2);
}

TEST(BenchTest, JsonHasEveryFigure) {
  const ProcessResult result = Bench(With(kSmall, {"--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report.at("model"), SourcePath("models/tiny").string());
  EXPECT_EQ(report.at("format"), "bf16");
  EXPECT_EQ(report.at("backend"), "cpu");
  EXPECT_EQ(report.at("activations"), "bf16");
  EXPECT_EQ(report.at("repetitions"), 3);
  EXPECT_EQ(report.at("context"), 4096);
  EXPECT_THAT(report.at("device").get<std::string>(), HasSubstr("thread"));
  EXPECT_THAT(report.at("date").get<std::string>(),
              ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_GT(report.at("load_seconds").get<double>(), 0);
  EXPECT_GT(report.at("limits").at("read_gb_per_second").get<double>(), 0);
  EXPECT_GT(report.at("limits").at("w4a4_tflop_per_second"),
            report.at("limits").at("w4a16_tflop_per_second"));

  ASSERT_EQ(report.at("prefill").size(), 2u);
  for (const json& test : report.at("prefill")) CheckFigures(test);
  EXPECT_EQ(report.at("prefill")[1].at("prompt_tokens"), 70);
  ASSERT_EQ(report.at("decode").size(), 4u);
  for (const json& test : report.at("decode")) CheckFigures(test);
  EXPECT_EQ(report.at("decode")[3].at("depth"), 200);
  EXPECT_EQ(report.at("decode")[3].at("batch"), 3);
  // Three sequences read the weights once.
  EXPECT_LT(report.at("decode")[3].at("bytes").get<double>(),
            1.5 * report.at("decode")[2].at("bytes").get<double>());
  EXPECT_EQ(report.at("time_to_first_token").at("prompt_tokens"), 30);
  EXPECT_GT(report.at("time_to_first_token").at("seconds").get<double>(), 0);

  ASSERT_EQ(report.at("left_out").size(), 2u);
  EXPECT_EQ(report.at("left_out")[0].at("test"), "decode");
  EXPECT_EQ(report.at("left_out")[0].at("depth"), 9000);
  EXPECT_THAT(report.at("left_out")[0].at("reason").get<std::string>(), HasSubstr("4096"));
}

TEST(BenchTest, TextNamesDeviceLimitsAndEveryTest) {
  const ProcessResult result = Bench(With(kSmall, {"--context", "150"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part :
       {"model ", "device ", "date ", "limits ", "ready to answer after", "of limit",
        "route    BF16 head: ", "prefill 70 ", "decode 2 at 0, batch 3 ", "first token, prompt 30 ",
        "bound by", "left out: 202 positions do not fit the context of 150"}) {
    EXPECT_THAT(result.out, HasSubstr(part));
  }
}

TEST(BenchTest, OnlyWhatIsAskedFor) {
  const ProcessResult result = Bench(With(kSmall, {"--only", "first-token", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_TRUE(report.at("prefill").empty());
  EXPECT_TRUE(report.at("decode").empty());
  EXPECT_TRUE(report.at("left_out").empty());
  EXPECT_TRUE(report.at("time_to_first_token").is_object());
}

TEST(BenchTest, QuantizedActivations) {
  const ProcessResult result =
      Bench(With(kSmall, {"--only", "prefill", "--activations", "nvfp4", "--json"}),
            "tests/data/cases/files/tiny_modelopt");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report.at("activations"), "nvfp4");
  EXPECT_EQ(report.at("format"), "nvfp4_modelopt");
}

TEST(BenchTest, FallbacksAreRefusedWhereNativeIsRequired) {
  const ProcessResult result = Bench({"--require-native"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("--require-native: not native here are BF16 linears: "));
}

TEST(BenchTest, FailuresHaveTheirExitCodes) {
  EXPECT_EQ(RunFacet({"bench"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"bench", "/no/such/place"}).exit_code, 3);
  EXPECT_EQ(Bench({"--depths", "-1"}).exit_code, 2);
  EXPECT_EQ(Bench({"--prompts", "many"}).exit_code, 2);
  EXPECT_EQ(Bench({"--only", "nothing"}).exit_code, 2);
  EXPECT_EQ(Bench({"--backend", "gpu"}).exit_code, 2);
  EXPECT_EQ(Bench({"--activations", "nvfp4"}).exit_code, 2);  // tiny's weights are BF16
  const ProcessResult help = RunFacet({"bench", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
}

}  // namespace
}  // namespace facet
