// The program that compares with transformers, on models/tiny: what it accepts, and what it must
// notice. The logits that it is given here are ref's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "reference/logit_difference.h"
#include "tensor/bf16.h"
#include "testing/process.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::LoadedModel;
using testing::ProcessResult;
using testing::SourcePath;
using testing::TestPrompt;
using testing::Value;

constexpr int64_t kImageTokens = 6;
constexpr int64_t kAudioTokens = 2;

/// A prompt with a sound, and an image of 3 by 2 patches.
TestPrompt MakePrompt(const ModelConfig& config) {
  TestPrompt prompt{.tokens = {2, 300}, .media = {}};
  prompt.tokens.insert(prompt.tokens.end(), kAudioTokens, *config.tokens.audio);
  testing::TestMedium sound{.kind = MediaKind::kAudio,
                            .first_token = 2,
                            .count = kAudioTokens,
                            .patches = {},
                            .positions = {},
                            .frames = {}};
  for (int64_t i = 0; i < kAudioTokens * config.audio->samples_per_token; ++i)
    sound.frames.push_back(static_cast<float>(i * i % 17) / 17 - 0.5f);
  testing::TestMedium image{.kind = MediaKind::kImage,
                            .first_token = 2 + kAudioTokens,
                            .count = kImageTokens,
                            .patches = {},
                            .positions = {0, 0, 1, 0, 2, 0, 0, 1, 1, 1, 2, 1},
                            .frames = {}};
  for (int64_t i = 0; i < kImageTokens * config.vision->patch_elements(); ++i)
    image.patches.push_back(static_cast<uint8_t>(i * i % 251));
  prompt.tokens.insert(prompt.tokens.end(), kImageTokens, *config.tokens.image);
  prompt.tokens.insert(prompt.tokens.end(), {302, 303, 304});
  prompt.media = {std::move(sound), std::move(image)};
  return prompt;
}

class CompareLogitsTest : public ::testing::Test {
 protected:
  /// Writes the case with these logits, and coarser ones as those of BF16.
  void WriteCase(const std::vector<float>& logits) {
    std::vector<uint16_t> rounded;
    for (const float value : logits) rounded.push_back(Bf16FromFloat(value * 1.004f));
    const auto tokens = static_cast<int64_t>(prompt_.tokens.size());
    const auto vocabulary = static_cast<int64_t>(logits.size()) / tokens;
    const testing::TestMedium& sound = prompt_.media[0];
    const testing::TestMedium& image = prompt_.media[1];
    const Shape patches{image.count, static_cast<int64_t>(image.patches.size()) / image.count};
    const Shape frames{sound.count, static_cast<int64_t>(sound.frames.size()) / sound.count};
    std::filesystem::remove(temporary_.path() / "case.safetensors");
    SafetensorsWriter writer =
        Value(SafetensorsWriter::Create(temporary_.path() / "case.safetensors",
                                        {{"logits.f32", DType::kF32, {tokens, vocabulary}},
                                         {"audio.0", DType::kF32, frames},
                                         {"tokens", DType::kI32, {tokens}},
                                         {"image.0.positions", DType::kI32, {image.count, 2}},
                                         {"logits.bf16", DType::kBF16, {tokens, vocabulary}},
                                         {"image.0", DType::kU8, patches}}));
    Value(writer.Append("logits.f32", std::as_bytes(std::span(logits))));
    Value(writer.Append("audio.0", std::as_bytes(std::span(sound.frames))));
    Value(writer.Append("tokens", std::as_bytes(std::span(prompt_.tokens))));
    Value(writer.Append("image.0.positions", std::as_bytes(std::span(image.positions))));
    Value(writer.Append("logits.bf16", std::as_bytes(std::span(rounded))));
    Value(writer.Append("image.0", std::as_bytes(std::span(image.patches))));
    Value(writer.Close());
  }

  ProcessResult Compare(const std::string& backend = "cpu") const {
    return testing::RunProcess({FACET_COMPARE_LOGITS, temporary_.path().string(), backend,
                                SourcePath("models/tiny").string()});
  }

  testing::TemporaryFolder temporary_;
  LoadedModel loaded_ = LoadedModel::Tiny("ref");
  TestPrompt prompt_ = MakePrompt(loaded_.model().config());
};

TEST_F(CompareLogitsTest, PassesWhereLogitsAreTheSame) {
  WriteCase(AllLogits(loaded_, prompt_));
  const ProcessResult result = Compare();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("5 passed, 0 failed\n"));
  EXPECT_THAT(result.out, ContainsRegex("all +facet, BF16 +float32 +13 .* 100.00 %"));
}

TEST_F(CompareLogitsTest, FailsWhereAnImageWasAnother) {
  const std::vector<float> logits = AllLogits(loaded_, prompt_);
  for (uint8_t& pixel : prompt_.media[1].patches) pixel = static_cast<uint8_t>(255 - pixel);
  WriteCase(logits);
  const ProcessResult result = Compare();
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("FAILED: case: error against float32"));
}

TEST_F(CompareLogitsTest, FailsWhereALogitIsNotANumber) {
  std::vector<float> logits = AllLogits(loaded_, prompt_);
  logits[100] = NAN;
  WriteCase(logits);
  EXPECT_EQ(Compare().exit_code, 1);
}

TEST_F(CompareLogitsTest, SaysWhatItCannotRead) {
  const ProcessResult empty = Compare();
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("holds no cases"));
  WriteCase(AllLogits(loaded_, prompt_));
  EXPECT_EQ(Compare("gpu").exit_code, 2);
}

TEST(LogitDifferenceTest, CountsPositionsThatTheReferenceDecides) {
  const std::vector<float> reference = {5, 1, 0, 0, 2, 1.9f, 0, 0};
  const std::vector<float> logits = {5.5f, 1, 0, 0, 1.9f, 2, 0, 0};
  ThreadPool threads(2);
  const auto result = testing::Difference(std::span(logits), std::span(reference), 4, threads);
  EXPECT_EQ(result.positions, 2);
  EXPECT_EQ(result.same_top, 1);
  EXPECT_EQ(result.decided, 1);
  EXPECT_EQ(result.decided_same_top, 1);
  EXPECT_NEAR(result.relative_error(), std::sqrt((0.25 + 0.02) / (26 + 4 + 3.61)), 1e-6);
}

}  // namespace
}  // namespace facet
