// facet eval, as a user runs it; the protocol's edges are in tests/unit/eval, the golden numbers in
// tests/golden.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/background_process.h"
#include "testing/exported.h"
#include "testing/paths.h"
#include "testing/process.h"

namespace facet {
namespace {

using testing::CasePath;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProcessResult;
using testing::RunFacet;
using testing::SourcePath;

class EvalTest : public ::testing::Test {
 protected:
  std::string Text(const std::string& text) {
    const auto path = folder_.path() / ("text" + std::to_string(++texts_));
    testing::WriteBytes(path, text);
    return path.string();
  }
  /// The first bytes of the held-out text.
  std::string HeldOut(size_t bytes) {
    return Text(testing::ReadBytes(SourcePath("models/tiny/heldout.txt")).substr(0, bytes));
  }
  static nlohmann::json Json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "eval");
    arguments.push_back("--json");
    const ProcessResult result = RunFacet(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }
  static std::string Tiny() { return SourcePath("models/tiny").string(); }

  testing::TemporaryFolder folder_;
  int texts_ = 0;
};

TEST_F(EvalTest, AFolderWhoseNameIsNotUtf8StillGetsItsReport) {
  const auto model = folder_.path() / "caf\xE9";
  std::filesystem::copy(CasePath("tiny"), model);
  const auto report =
      Json({"perplexity", model.string(), "--text", Text("some words to score"), "--context", "8"});
  EXPECT_THAT(report["model"].get<std::string>(), HasSubstr("caf\xEF\xBF\xBD"));
  EXPECT_GT(report["perplexity"].get<double>(), 1);
}

TEST_F(EvalTest, CaseC39TheProtocolIsStatedAndExact) {
  const std::string model = testing::UnpackScriptModel("script_loop", folder_.path()).string();
  const std::string text = Text("\nabababab");
  const auto without = Json({"perplexity", model, "--text", text, "--no-bos"});
  EXPECT_NEAR(without["perplexity"].get<double>(), 1.0000054, 5e-8);
  EXPECT_EQ(without["tokens"], 8);  // the newline has nothing before it
  EXPECT_EQ(without["bos"], false);
  const auto with = Json({"perplexity", model, "--text", text, "--bos"});
  EXPECT_NEAR(with["perplexity"].get<double>(), 8.3779, 5e-5);
  EXPECT_EQ(with["tokens"], 9);
  EXPECT_EQ(with["bos"], true);
  EXPECT_EQ(with["framing"], "raw");
  for (const std::string key : {"context", "stride", "windows", "activations", "backend"}) {
    EXPECT_TRUE(with.contains(key)) << key;
  }
  // Raw text on an instruction model is worth a warning; the framed text is not.
  const auto raw = RunFacet({"eval", "perplexity", model, "--text", text});
  EXPECT_THAT(raw.err, HasSubstr("raw text on an instruction model"));
  EXPECT_THAT(raw.out, HasSubstr("9 tokens scored in 1 windows of 2048"));
  EXPECT_THAT(raw.out, HasSubstr("BOS in front; raw text"));
  const auto framed =
      RunFacet({"eval", "perplexity", model, "--text", text, "--framing", "model-turn"});
  EXPECT_THAT(framed.err, Not(HasSubstr("raw text on an instruction model")));
  EXPECT_THAT(framed.out, HasSubstr("as a model's turn"));
}

TEST_F(EvalTest, PerplexityWithTheGoldenProtocol) {
  const auto report =
      Json({"perplexity", Tiny(), "--text", HeldOut(4000), "--context", "256", "--bos"});
  EXPECT_EQ(report["stride"], 255);
  EXPECT_EQ(report["tokens"].get<int64_t>(), 255 * report["windows"].get<int64_t>());
  EXPECT_GT(report["windows"].get<int64_t>(), 2);
  EXPECT_GT(report["perplexity"].get<double>(), 20);
  EXPECT_LT(report["perplexity"].get<double>(), 120);
  EXPECT_EQ(report["warnings"].size(), 0u);
  EXPECT_EQ(report["partial"], false);
  EXPECT_EQ(report["suppressed_tokens_applied"], false);
}

TEST_F(EvalTest, OverlapHelpsAndScoresEveryToken) {
  const std::string text = HeldOut(1500);
  const auto alone = Json({"perplexity", Tiny(), "--text", text, "--context", "64"});
  const auto strided =
      Json({"perplexity", Tiny(), "--text", text, "--context", "64", "--stride", "16"});
  EXPECT_EQ(strided["tokens"], strided["text_tokens"]);
  EXPECT_LT(strided["perplexity"].get<double>(), alone["perplexity"].get<double>());
  EXPECT_EQ(alone["bos"], true);  // by default
}

TEST_F(EvalTest, CompareWithItselfIsNothing) {
  const auto report =
      Json({"compare", Tiny(), "--reference", Tiny(), "--text", HeldOut(1500), "--context", "128"});
  EXPECT_EQ(report["mean_kl"], 0.0);
  EXPECT_EQ(report["max_kl"], 0.0);
  EXPECT_EQ(report["same_top1"], 1.0);
  EXPECT_EQ(report["perplexity_ratio"], 1.0);
  EXPECT_EQ(report["reference_activations"], "bf16");
}

TEST_F(EvalTest, CompareOfTwoFormats) {
  const auto report =
      Json({"compare", CasePath("tiny_modelopt").string(), "--reference", CasePath("tiny").string(),
            "--text", Text("Some text to compare with."), "--activations", "nvfp4"});
  EXPECT_GT(report["mean_kl"].get<double>(), 0);
  for (const std::string key : {"median_kl", "p99_kl", "p999_kl", "max_kl", "same_top1",
                                "perplexity", "reference_perplexity", "tokens"}) {
    EXPECT_TRUE(report.contains(key)) << key;
  }
  EXPECT_EQ(report["activations"], "nvfp4");
}

/// Windows that overlap this much would take minutes: the signal always comes before the end.
TEST_F(EvalTest, CtrlCReportsWhatWasScored) {
  const auto out = folder_.path() / "out";
  const auto interrupted = [&](std::vector<std::string> command) {
    const std::vector<std::string> common = {
        "--text",    SourcePath("models/tiny/heldout.txt").string(),
        "--context", "64",
        "--stride",  "4",
        "--backend", "cpu",
        "--threads", "1"};
    command.insert(command.end(), common.begin(), common.end());
    testing::BackgroundProcess process(command, out);
    EXPECT_TRUE(process.WaitUntil([&] { return process.Catches(SIGINT); }));
    process.Signal(SIGINT);
    EXPECT_EQ(process.Wait(), 130);
    return testing::ReadBytes(out);
  };
  const std::vector<std::string> perplexity = {FACET_BINARY, "eval", "perplexity", Tiny()};
  const std::vector<std::string> compare = {FACET_BINARY, "eval",        "compare",
                                            Tiny(),       "--reference", Tiny()};
  for (std::vector<std::string> command : {perplexity, compare}) {
    EXPECT_THAT(interrupted(command),
                ::testing::ContainsRegex("partial +interrupted: [0-9]+ of [0-9]+ tokens scored"));
    command.push_back("--json");
    const auto report = nlohmann::json::parse(interrupted(command));
    EXPECT_EQ(report["partial"], true);
    EXPECT_GT(report["tokens"].get<int64_t>(), 0);
    EXPECT_LT(report["tokens"].get<int64_t>(), report["text_tokens"].get<int64_t>());
    EXPECT_GT(report["perplexity"].get<double>(), 1);
  }
}

TEST_F(EvalTest, FailuresHaveTheirExitCodes) {
  const std::string text = HeldOut(500);
  EXPECT_EQ(RunFacet({"eval"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"eval", "perplexity", Tiny()}).exit_code, 2);
  EXPECT_EQ(RunFacet({"eval", "perplexity", Tiny(), "--text", "/no/such"}).exit_code, 3);
  EXPECT_EQ(RunFacet({"eval", "perplexity", Tiny(), "--text", Text("\xFF")}).exit_code, 5);
  EXPECT_EQ(RunFacet({"eval", "perplexity", Tiny(), "--text", Text("")}).exit_code, 5);
  EXPECT_EQ(RunFacet({"eval", "perplexity", Tiny(), "--text", text, "--bos", "--no-bos"}).exit_code,
            2);
  const auto too_long =
      RunFacet({"eval", "perplexity", Tiny(), "--text", text, "--context", "5000"});
  EXPECT_EQ(too_long.exit_code, 2);
  EXPECT_THAT(too_long.err, HasSubstr("4096"));
  EXPECT_EQ(
      RunFacet({"eval", "perplexity", Tiny(), "--text", text, "--context", "64", "--stride", "64"})
          .exit_code,
      2);  // more than a window's text, which BOS shortens to 63
  const auto other = RunFacet(
      {"eval", "compare", Tiny(), "--reference", CasePath("tiny").string(), "--text", text});
  EXPECT_EQ(other.exit_code, 2) << other.err;
}

}  // namespace
}  // namespace facet
