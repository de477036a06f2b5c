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

using testing::CasePath;
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

/// models/tiny in NVFP4, quantized as the golden data was.
void QuantizeTiny(const Session& bf16, const std::filesystem::path& target) {
  const auto sequences = CutIntoWindows(
      Tokens(bf16, "calibration.txt"),
      {.samples = 64, .sequence_length = kContext, .bos = bf16.tokenizer().bos_id()});
  Value(QuantizeCheckpoint(
      bf16.checkpoint(), target, sequences, bf16.model().backend(),
      {.profile = {.division = DivisionProfile::kDiv, .compat = ModeloptCompat::k045}}, {}));
}

ComparisonReport Compare(const Session& reference, const Session& candidate,
                         std::span<const int32_t> text, int threads) {
  ThreadPool pool(threads);
  return Value(CompareModels({&reference.model(), reference.activations()},
                             {&candidate.model(), candidate.activations()}, text,
                             GoldenProtocol(reference), pool, {}));
}

TEST(PerplexityTest, GoldenNumbers) {
  const auto golden = GoldenJson("golden.json")["ppl"];
  const TemporaryFolder folder;
  const auto bf16 = OpenSession(SourcePath("models/tiny"), "cpu");
  QuantizeTiny(*bf16, folder.path() / "nvfp4");
  const std::vector<int32_t> text = Tokens(*bf16, "heldout.txt");
  const int threads = ThreadPool::UsableProcessors();

  const auto w4a16 = OpenSession(folder.path() / "nvfp4", "cpu");
  const ComparisonReport a16 = Compare(*bf16, *w4a16, text, threads);
  EXPECT_EQ(a16.candidate.tokens, golden["bf16_weights"]["tokens"].get<int64_t>());
  EXPECT_NEAR(a16.reference.perplexity, golden["bf16_weights"]["ppl"].get<double>(), 0.01);
  EXPECT_NEAR(a16.candidate.perplexity, golden["nvfp4_w4a16"]["ppl"].get<double>(), 0.06);
  EXPECT_NEAR(a16.mean_kl, golden["nvfp4_w4a16"]["mean_kl"].get<double>(), 0.002);
  EXPECT_NEAR(a16.same_top1, golden["nvfp4_w4a16"]["top1_agreement"].get<double>(), 0.005);
  EXPECT_LT(a16.median_kl, a16.mean_kl);
  EXPECT_LT(a16.p99_kl, a16.p999_kl);
  EXPECT_LT(a16.p999_kl, a16.max_kl);

  const auto w4a4 = OpenSession(folder.path() / "nvfp4", "cpu", ActivationMode::kNvfp4);
  const ComparisonReport a4 = Compare(*bf16, *w4a4, text, threads);
  EXPECT_NEAR(a4.candidate.perplexity, golden["nvfp4_w4a4"]["ppl"].get<double>(), 0.17);
  EXPECT_NEAR(a4.mean_kl, golden["nvfp4_w4a4"]["mean_kl"].get<double>(), 0.005);
  EXPECT_NEAR(a4.same_top1, golden["nvfp4_w4a4"]["top1_agreement"].get<double>(), 0.005);
  RecordProperty("w4a16", fmt::format("{:.5f} {:.6f}", a16.candidate.perplexity, a16.mean_kl));
  RecordProperty("w4a4", fmt::format("{:.5f} {:.6f}", a4.candidate.perplexity, a4.mean_kl));
}

TEST(PerplexityTest, RefAndCpuAgree) {
  for (const ActivationMode mode : {ActivationMode::kBf16, ActivationMode::kNvfp4}) {
    const auto ref = OpenSession(CasePath("tiny_modelopt"), "ref", mode);
    const auto cpu = OpenSession(CasePath("tiny_modelopt"), "cpu", mode);
    std::vector<int32_t> text = Tokens(*ref, "heldout.txt");
    text.resize(4 * kContext);
    const ComparisonReport report = Compare(*ref, *cpu, text, 1);
    EXPECT_NEAR(report.reference.mean_nll, report.candidate.mean_nll, 1e-4) << NameOf(mode);
    EXPECT_LT(report.mean_kl, 1e-6) << NameOf(mode);
  }
}

TEST(PerplexityTest, AModelIsNoDistanceFromItself) {
  const auto tiny = OpenSession(SourcePath("models/tiny"), "cpu");
  std::vector<int32_t> text = Tokens(*tiny, "heldout.txt");
  text.resize(2 * kContext + 2);
  ThreadPool threads(2);
  const ScoredModel model{&tiny->model()};
  const auto report = Value(CompareModels(model, model, text, GoldenProtocol(*tiny), threads, {}));
  EXPECT_EQ(report.mean_kl, 0);
  EXPECT_EQ(report.max_kl, 0);
  EXPECT_EQ(report.same_top1, 1);
  // And the two ways to a perplexity are one.
  const auto alone = Value(MeasurePerplexity(model, text, GoldenProtocol(*tiny), threads, {}));
  EXPECT_EQ(alone.perplexity, report.candidate.perplexity);
  EXPECT_EQ(alone.tokens, report.candidate.tokens);
}

TEST(PerplexityTest, OverlapGivesEveryTokenItsFullContext) {
  const auto tiny = OpenSession(SourcePath("models/tiny"), "cpu");
  // Windows as long as the text, one token apart, score what one pass over the text scores.
  std::vector<int32_t> text = Tokens(*tiny, "heldout.txt");
  text.resize(40);
  ThreadPool threads(2);
  const ScoredModel model{&tiny->model()};
  const std::vector<int32_t> prefix = GoldenProtocol(*tiny).prefix;
  const auto whole = Value(
      MeasurePerplexity(model, text, {.context = 100, .stride = 0, .prefix = prefix}, threads, {}));
  const auto overlapping = Value(
      MeasurePerplexity(model, text, {.context = 41, .stride = 1, .prefix = prefix}, threads, {}));
  EXPECT_EQ(whole.tokens, 40);
  EXPECT_EQ(overlapping.tokens, 40);
  EXPECT_NEAR(whole.mean_nll, overlapping.mean_nll, 1e-6);
}

TEST(PerplexityTest, AStoppedMeasurementIsOfWhatWasScored) {
  const auto tiny = OpenSession(SourcePath("models/tiny"), "cpu");
  const std::vector<int32_t> text = Tokens(*tiny, "heldout.txt");
  const std::vector<int32_t> prefix = GoldenProtocol(*tiny).prefix;
  const ScoredModel model{&tiny->model()};
  ThreadPool threads(2);
  int polls = 0;
  const RunControl stop_at_second_poll{.cancelled = [&] { return ++polls % 2 == 0; }};

  // A step holds 16 windows of 64, so that the second poll comes behind 32 of them.
  const ScoringProtocol windows{.context = 64, .stride = 0, .prefix = prefix};
  const std::span<const int32_t> scored = std::span(text).first(32 * 63 + 64);
  const auto whole = Value(CompareModels(model, model, scored, windows, threads, {}));
  const auto part = Value(CompareModels(model, model, text, windows, threads, stop_at_second_poll));
  EXPECT_FALSE(whole.candidate.partial);
  EXPECT_TRUE(part.candidate.partial);
  EXPECT_TRUE(part.reference.partial);
  EXPECT_EQ(part.candidate.tokens, 32 * 63);
  EXPECT_EQ(part.candidate.tokens, whole.candidate.tokens);
  EXPECT_EQ(part.candidate.mean_nll, whole.candidate.mean_nll);
  EXPECT_EQ(part.same_top1, 1);

  // A long window goes through in chunks of 512.
  const ScoringProtocol chunks{.context = 2048, .stride = 0, .prefix = prefix};
  const auto middle = Value(MeasurePerplexity(model, text, chunks, threads, stop_at_second_poll));
  EXPECT_TRUE(middle.partial);
  EXPECT_EQ(middle.tokens, 1024);
}

TEST(PerplexityTest, RefusesAContextBeyondTheModel) {
  const auto tiny = OpenSession(SourcePath("models/tiny"), "cpu");
  ThreadPool threads(1);
  const auto report = MeasurePerplexity({&tiny->model()}, Tokens(*tiny, "heldout.txt"),
                                        {.context = 5000, .stride = 0, .prefix = {2}}, threads, {});
  const Error error = testing::ErrorOf(report);
  EXPECT_EQ(error.code, ErrorCode::kUsage);
  EXPECT_NE(error.message.find("4096"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace facet
