// Perplexity and divergence of models/tiny with the golden protocol: BF16, and NVFP4 as quantized
// here, against the reference's numbers.
#include "eval/perplexity.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "eval/logit_compare.h"
#include "quant/calibrate.h"
#include "quant/quantizer.h"
#include "testing/golden.h"
#include "testing/sessions.h"

namespace facet {
namespace {

using testing::GoldenJson;
using testing::OpenSession;
using testing::SourcePath;
using testing::TemporaryFolder;
using testing::Value;

constexpr int64_t kContext = 256;

std::vector<int32_t> Tokens(const Session& session, const std::string& file) {
  const std::string text = Value(ReadFile(SourcePath("models/tiny/" + file), 100'000'000));
  return session.tokenizer().EncodeUntrusted(text);
}

ScoringProtocol GoldenProtocol(const Session& session) {
  return {.context = kContext, .stride = 0, .prefix = {*session.tokenizer().bos_id()}};
}

/// models/tiny in BF16 and, quantized as the golden data was, in NVFP4.
class PerplexityTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    bf16_ = OpenSession(SourcePath("models/tiny"), "cpu");
    const auto sequences = CutIntoWindows(
        Tokens(*bf16_, "calibration.txt"),
        {.samples = 64, .sequence_length = kContext, .bos = bf16_->tokenizer().bos_id()});
    Value(QuantizeCheckpoint(
        bf16_->checkpoint(), Quantized(), sequences, bf16_->model().backend(),
        {.profile = {.division = DivisionProfile::kDiv, .compat = ModeloptCompat::k045}}, {}));
  }
  static void TearDownTestSuite() {
    bf16_.reset();
    folder_.reset();
  }
  static std::filesystem::path Quantized() { return folder_->path() / "nvfp4"; }

  static ComparisonReport CompareWithBf16(ActivationMode activations) {
    const auto candidate = OpenSession(Quantized(), "cpu", activations);
    ThreadPool threads(ThreadPool::UsableProcessors());
    return Value(CompareModels({&bf16_->model()}, {&candidate->model(), activations},
                               Tokens(*bf16_, "heldout.txt"), GoldenProtocol(*bf16_), threads, {}));
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::unique_ptr<Session> bf16_;
};

std::unique_ptr<TemporaryFolder> PerplexityTest::folder_;
std::unique_ptr<Session> PerplexityTest::bf16_;

TEST_F(PerplexityTest, Nvfp4WithBf16ActivationsAndBf16) {
  const auto golden = GoldenJson("golden.json")["ppl"];
  const ComparisonReport report = CompareWithBf16(ActivationMode::kBf16);
  EXPECT_EQ(report.candidate.tokens, golden["bf16_weights"]["tokens"].get<int64_t>());
  EXPECT_NEAR(report.reference.perplexity, golden["bf16_weights"]["ppl"].get<double>(), 0.01);
  EXPECT_NEAR(report.candidate.perplexity, golden["nvfp4_w4a16"]["ppl"].get<double>(), 0.06);
  EXPECT_NEAR(report.mean_kl, golden["nvfp4_w4a16"]["mean_kl"].get<double>(), 0.002);
  EXPECT_NEAR(report.same_top1, golden["nvfp4_w4a16"]["top1_agreement"].get<double>(), 0.005);
  EXPECT_LT(report.median_kl, report.mean_kl);
  EXPECT_LT(report.p99_kl, report.p999_kl);
  EXPECT_LT(report.p999_kl, report.max_kl);
}

TEST_F(PerplexityTest, Nvfp4WithNvfp4Activations) {
  const auto golden = GoldenJson("golden.json")["ppl"]["nvfp4_w4a4"];
  const ComparisonReport report = CompareWithBf16(ActivationMode::kNvfp4);
  EXPECT_NEAR(report.candidate.perplexity, golden["ppl"].get<double>(), 0.17);
  EXPECT_NEAR(report.mean_kl, golden["mean_kl"].get<double>(), 0.005);
  EXPECT_NEAR(report.same_top1, golden["top1_agreement"].get<double>(), 0.005);
}

TEST_F(PerplexityTest, RefAndCpuAgree) {
  std::vector<int32_t> text = Tokens(*bf16_, "heldout.txt");
  text.resize(4 * kContext);
  ThreadPool threads(1);
  for (const ActivationMode mode : {ActivationMode::kBf16, ActivationMode::kNvfp4}) {
    const auto ref = OpenSession(Quantized(), "ref", mode);
    const auto cpu = OpenSession(Quantized(), "cpu", mode);
    const auto report = Value(CompareModels({&ref->model(), mode}, {&cpu->model(), mode}, text,
                                            GoldenProtocol(*ref), threads, {}));
    EXPECT_NEAR(report.reference.mean_nll, report.candidate.mean_nll, 1e-4) << NameOf(mode);
    EXPECT_LT(report.mean_kl, 1e-6) << NameOf(mode);
  }
}

TEST_F(PerplexityTest, AModelIsNoDistanceFromItself) {
  std::vector<int32_t> text = Tokens(*bf16_, "heldout.txt");
  text.resize(2 * kContext + 2);
  ThreadPool threads(2);
  const ScoredModel model{&bf16_->model()};
  const auto report = Value(CompareModels(model, model, text, GoldenProtocol(*bf16_), threads, {}));
  EXPECT_EQ(report.mean_kl, 0);
  EXPECT_EQ(report.max_kl, 0);
  EXPECT_EQ(report.same_top1, 1);
  // And the two ways to a perplexity are one.
  const auto alone = Value(MeasurePerplexity(model, text, GoldenProtocol(*bf16_), threads, {}));
  EXPECT_EQ(alone.perplexity, report.candidate.perplexity);
  EXPECT_EQ(alone.tokens, report.candidate.tokens);
}

TEST_F(PerplexityTest, OverlapGivesEveryTokenItsFullContext) {
  // Windows as long as the text, one token apart, score what one pass over the text scores.
  std::vector<int32_t> text = Tokens(*bf16_, "heldout.txt");
  text.resize(40);
  ThreadPool threads(2);
  const ScoredModel model{&bf16_->model()};
  const std::vector<int32_t> prefix = GoldenProtocol(*bf16_).prefix;
  const auto whole = Value(
      MeasurePerplexity(model, text, {.context = 100, .stride = 0, .prefix = prefix}, threads, {}));
  const auto overlapping = Value(
      MeasurePerplexity(model, text, {.context = 41, .stride = 1, .prefix = prefix}, threads, {}));
  EXPECT_EQ(whole.tokens, 40);
  EXPECT_EQ(overlapping.tokens, 40);
  EXPECT_NEAR(whole.mean_nll, overlapping.mean_nll, 1e-6);
}

TEST_F(PerplexityTest, RefusesAContextBeyondTheModel) {
  ThreadPool threads(1);
  const auto report = MeasurePerplexity({&bf16_->model()}, Tokens(*bf16_, "heldout.txt"),
                                        {.context = 5000, .stride = 0, .prefix = {2}}, threads, {});
  const Error error = testing::ErrorOf(report);
  EXPECT_EQ(error.code, ErrorCode::kUsage);
  EXPECT_NE(error.message.find("4096"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace facet
