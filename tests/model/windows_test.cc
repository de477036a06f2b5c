// Masks, windows and positions, whatever the way the prompt is cut: against a float64 pass with an
// explicit mask (cases C07, C12, C13), and a batch with neighbours against the sequence alone.
#include <gtest/gtest.h>

#include "base/random.h"
#include "testing/naive_model.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using testing::AllLogits;
using testing::CasePath;
using testing::LoadedModel;
using testing::NaiveModel;
using testing::RelativeError;
using testing::SourcePath;
using testing::TestMedium;
using testing::TestPrompt;
using testing::Value;

// Float32 arithmetic on either backend stays far below this; a key too many or too few is 1e-2 and
// more.
constexpr double kTolerance = 2e-5;

TestPrompt RandomText(int64_t tokens, int64_t vocabulary, uint64_t seed) {
  TestPrompt prompt;
  for (int64_t t = 0; t < tokens; ++t) {
    const uint64_t bits = RandomBits(seed, static_cast<uint64_t>(t));
    // Ids from 110 on are ordinary text in every test model.
    prompt.tokens.push_back(
        static_cast<int32_t>(110 + bits % static_cast<uint64_t>(vocabulary - 200)));
  }
  return prompt;
}

TestMedium RandomImage(const ModelConfig& config, int64_t first, int64_t width, int64_t height,
                       uint64_t seed) {
  TestMedium image{.kind = MediaKind::kImage,
                   .first_token = first,
                   .count = width * height,
                   .patches = {},
                   .positions = {},
                   .frames = {}};
  const int64_t bytes = image.count * config.vision->patch_elements();
  for (int64_t i = 0; i < bytes; ++i)
    image.patches.push_back(static_cast<uint8_t>(RandomBits(seed, static_cast<uint64_t>(i))));
  for (int64_t t = 0; t < image.count; ++t) {
    image.positions.push_back(static_cast<int32_t>(t % width));
    image.positions.push_back(static_cast<int32_t>(t / width));
  }
  return image;
}

TestMedium RandomAudio(const ModelConfig& config, int64_t first, int64_t count, uint64_t seed) {
  TestMedium audio{.kind = MediaKind::kAudio,
                   .first_token = first,
                   .count = count,
                   .patches = {},
                   .positions = {},
                   .frames = {}};
  for (int64_t i = 0; i < count * config.audio->samples_per_token; ++i) {
    audio.frames.push_back(static_cast<float>(2 * RandomUnit(seed, static_cast<uint64_t>(i)) - 1));
  }
  return audio;
}

std::vector<float> Narrow(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// Every position's logits must agree; the worst position is reported.
void ExpectSame(const std::vector<float>& logits, const std::vector<float>& expected,
                int64_t vocabulary, const std::string& way) {
  ASSERT_EQ(logits.size(), expected.size());
  double worst = 0;
  int64_t where = 0;
  for (int64_t t = 0; t * vocabulary < static_cast<int64_t>(logits.size()); ++t) {
    const auto offset = static_cast<size_t>(t * vocabulary);
    const auto width = static_cast<size_t>(vocabulary);
    const double error = RelativeError(std::span(logits).subspan(offset, width),
                                       std::span(expected).subspan(offset, width));
    if (error > worst) {
      worst = error;
      where = t;
    }
  }
  EXPECT_LE(worst, kTolerance) << way << ", worst at position " << where;
}

std::vector<int64_t> EveryToken(int64_t tokens) {
  std::vector<int64_t> cuts;
  for (int64_t t = 1; t < tokens; ++t) cuts.push_back(t);
  return cuts;
}

/// Cuts every `size` tokens, moved to an image's end where they would split one.
std::vector<int64_t> CutsOf(const TestPrompt& prompt, int64_t size) {
  std::vector<int64_t> cuts;
  int64_t cut = size;
  while (cut < static_cast<int64_t>(prompt.tokens.size())) {
    for (const TestMedium& medium : prompt.media) {
      const int64_t end = medium.first_token + medium.count;
      if (cut > medium.first_token && cut < end) cut = end;
    }
    if (cut < static_cast<int64_t>(prompt.tokens.size())) cuts.push_back(cut);
    cut += size;
  }
  return cuts;
}

class WindowsTest : public ::testing::TestWithParam<std::string> {
 protected:
  LoadedModel Case(const std::string& name) const { return {CasePath(name), GetParam()}; }
};

TEST_P(WindowsTest, WindowOf8) {
  const LoadedModel loaded = Case("tiny_w8");
  const int64_t vocabulary = loaded.model().config().vocabulary;
  for (const int64_t tokens : {7, 8, 9, 10, 17, 40}) {
    const TestPrompt prompt = RandomText(tokens, vocabulary, 1);
    const std::vector<float> expected = Narrow(NaiveModel(loaded.checkpoint()).Logits(prompt));
    ExpectSame(AllLogits(loaded, prompt), expected, vocabulary, "whole");
    ExpectSame(AllLogits(loaded, prompt, EveryToken(tokens)), expected, vocabulary,
               "token by token");
    ExpectSame(AllLogits(loaded, prompt, CutsOf(prompt, 8)), expected, vocabulary, "chunks of 8");
  }
}

TEST_P(WindowsTest, WindowOf64OnTheTrainedModel) {
  const LoadedModel loaded(SourcePath("models/tiny"), GetParam());
  const int64_t vocabulary = loaded.model().config().vocabulary;
  for (const int64_t tokens : {63, 64, 65, 129}) {
    const TestPrompt prompt = RandomText(tokens, vocabulary, 2);
    const std::vector<float> whole = AllLogits(loaded, prompt);
    ExpectSame(AllLogits(loaded, prompt, EveryToken(tokens)), whole, vocabulary, "token by token");
    ExpectSame(AllLogits(loaded, prompt, {63}), whole, vocabulary, "cut at 63");
    ExpectSame(AllLogits(loaded, prompt, CutsOf(prompt, 13)), whole, vocabulary, "chunks of 13");
  }
}

TEST_P(WindowsTest, ImageSeesBothWaysAudioDoesNot) {
  const LoadedModel loaded = Case("tiny_w8");
  const ModelConfig& config = loaded.model().config();
  TestPrompt prompt = RandomText(120, config.vocabulary, 3);
  // Two images side by side, larger than the window of 8, then sound.
  prompt.media.push_back(RandomImage(config, 5, 6, 5, 4));
  prompt.media.push_back(RandomImage(config, 35, 4, 3, 5));
  prompt.media.push_back(RandomAudio(config, 60, 25, 6));
  const std::vector<float> expected = Narrow(NaiveModel(loaded.checkpoint()).Logits(prompt));
  ExpectSame(AllLogits(loaded, prompt), expected, config.vocabulary, "whole");
  for (const int64_t size : {1, 16, 100}) {
    ExpectSame(AllLogits(loaded, prompt, CutsOf(prompt, size)), expected, config.vocabulary,
               "chunks of " + std::to_string(size));
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, WindowsTest, ::testing::Values("ref", "cpu"));

TEST(LongWindowTest, WindowOf1024AndLongPositions) {
  const LoadedModel loaded(CasePath("tiny"), "cpu");
  const int64_t vocabulary = loaded.model().config().vocabulary;
  const TestPrompt longest = RandomText(2049, vocabulary, 7);
  // A causal model: the logits of a prompt's beginning are those of the shorter prompt.
  const std::vector<float> expected = Narrow(NaiveModel(loaded.checkpoint()).Logits(longest));
  for (const int64_t tokens : {1023, 1024, 1025, 1026, 2049}) {
    const TestPrompt prompt{.tokens = {longest.tokens.begin(), longest.tokens.begin() + tokens},
                            .media = {}};
    const std::vector<float> part(expected.begin(), expected.begin() + tokens * vocabulary);
    ExpectSame(AllLogits(loaded, prompt), part, vocabulary, "whole");
    if (tokens > 1024)
      ExpectSame(AllLogits(loaded, prompt, {1024}), part, vocabulary, "cut at 1024");
  }
  ExpectSame(AllLogits(loaded, longest, EveryToken(2049)), expected, vocabulary, "token by token");
}

TEST(BatchTest, NeighboursChangeNothing) {
  for (const std::string backend : {"ref", "cpu"}) {
    const LoadedModel loaded(CasePath("tiny_w8"), backend);
    const ModelConfig& config = loaded.model().config();
    std::vector<TestPrompt> prompts;
    for (const int64_t tokens : {3, 17, 64, 1, 30}) {
      prompts.push_back(RandomText(tokens, config.vocabulary, static_cast<uint64_t>(tokens)));
    }
    prompts[2].media.push_back(RandomImage(config, 10, 5, 4, 8));
    KvCache cache(config, {.slots = 5, .max_context = 64, .max_chunk = 64}, loaded.backend());
    Workspace workspace(config, 128, loaded.backend());
    Batch batch;
    for (size_t i = 0; i < prompts.size(); ++i) {
      batch.push_back(testing::ChunkOf(
          prompts[i], 0, static_cast<int64_t>(prompts[i].tokens.size()), static_cast<int64_t>(i)));
    }
    const Matrix hidden =
        Value(loaded.model().Forward(batch, ActivationMode::kBf16, cache, workspace));
    std::vector<float> logits(static_cast<size_t>(hidden.rows * config.vocabulary));
    testing::CopyLogits(loaded, hidden, logits.data());
    size_t offset = 0;
    for (const TestPrompt& prompt : prompts) {
      const std::vector<float> alone = AllLogits(loaded, prompt);
      const std::vector<float> together(
          logits.begin() + static_cast<int64_t>(offset),
          logits.begin() + static_cast<int64_t>(offset + alone.size()));
      EXPECT_EQ(alone, together) << backend << ": bit-equal, whoever shares the batch";
      offset += alone.size();
    }
  }
}

TEST(ForwardTest, RefusesWhatDoesNotFit) {
  const LoadedModel loaded(CasePath("tiny_w8"), "ref");
  const ModelConfig& config = loaded.model().config();
  KvCache cache(config, {.slots = 1, .max_context = 8, .max_chunk = 4}, loaded.backend());
  Workspace workspace(config, 4, loaded.backend());
  const auto forward = [&](const std::vector<int32_t>& tokens, std::vector<MediaInput> media = {}) {
    return loaded.model().Forward({{.slot = 0, .tokens = tokens, .media = std::move(media)}},
                                  ActivationMode::kBf16, cache, workspace);
  };
  EXPECT_EQ(testing::ErrorOf(forward({})).code, ErrorCode::kUsage);
  EXPECT_EQ(testing::ErrorOf(forward({1, 2, 3, 4, 5})).code, ErrorCode::kUsage);
  EXPECT_EQ(testing::ErrorOf(forward({512})).code, ErrorCode::kUsage);
  EXPECT_EQ(testing::ErrorOf(forward({-1})).code, ErrorCode::kUsage);
  const std::vector<int32_t> outside = {0, 1120};
  EXPECT_EQ(
      testing::ErrorOf(
          forward(
              {1, 2},
              {{.kind = MediaKind::kImage, .first_token = 0, .count = 1, .positions = outside}}))
          .code,
      ErrorCode::kUsage);
  Value(forward({1, 2, 3, 4}));
  Value(forward({1, 2, 3, 4}));
  const Error full = testing::ErrorOf(forward({1}));
  EXPECT_EQ(full.code, ErrorCode::kResource);
  EXPECT_NE(full.message.find("9 tokens exceed the context of 8"), std::string::npos)
      << full.message;
}

}  // namespace
}  // namespace facet
