// Logits of tiny against the reference implementation (float32, eager): text, images, sound, in
// every backend.
#include <gtest/gtest.h>

#include "media/audio.h"
#include "media/audio_processor.h"
#include "testing/backends.h"
#include "testing/golden.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using testing::AllLogits;
using testing::Golden;
using testing::GoldenPath;
using testing::LoadedModel;
using testing::RelativeError;
using testing::TestMedium;
using testing::TestPrompt;
using testing::Value;

constexpr int32_t kImageToken = 18;
constexpr int32_t kAudioToken = 21;

/// Allowed relative norm error of logits. A float64 pass over the same weights reaches 1e-6; CUDA
/// rounds the inputs of linear layers and the cache to BF16.
double Tolerance(const std::string& backend) {
  if (backend == "cuda") return 1e-2;
  return backend == "ref" ? 5e-6 : 5e-5;
}

const Golden& Reference() {
  static const Golden golden = Golden::Load(GoldenPath("golden.safetensors"));
  return golden;
}

std::vector<int32_t> Ids(const std::string& name) {
  const std::vector<int64_t> ids = Reference().I64(name);
  return {ids.begin(), ids.end()};
}

int64_t FirstOf(const std::vector<int32_t>& ids, int32_t token, int64_t from = 0) {
  return std::find(ids.begin() + from, ids.end(), token) - ids.begin();
}

TestMedium ImageAt(const std::string& name, int64_t first) {
  const std::vector<int64_t> positions = Reference().I64("img." + name + ".pos");
  return {.kind = MediaKind::kImage,
          .first_token = first,
          .count = static_cast<int64_t>(positions.size()) / 2,
          .patches = Reference().U8("img." + name + ".patches_u8"),
          .positions = {positions.begin(), positions.end()},
          .frames = {}};
}

class LogitsTest : public ::testing::TestWithParam<std::string> {
 protected:
  /// `cuts`: where the prompt is cut into steps.
  void ExpectLast(const TestPrompt& prompt, const std::string& name,
                  std::vector<int64_t> cuts = {}) {
    const std::vector<float> expected = Reference().F32(name);
    const std::vector<float> logits = AllLogits(loaded_, prompt, std::move(cuts));
    ASSERT_LE(expected.size(), logits.size());
    const double error = RelativeError(std::span(logits).last(expected.size()), expected);
    RecordProperty(name, std::to_string(error));
    EXPECT_LE(error, Tolerance(GetParam())) << name;
  }

  LoadedModel loaded_ = LoadedModel::Tiny(GetParam());
};

TEST_P(LogitsTest, Text) {
  ExpectLast({.tokens = Ids("text.ids"), .media = {}}, "text.logits_last32");
}

// Steps of as many rows follow each other: a backend may replay one for another.
TEST_P(LogitsTest, TextInStepsOfOneLength) {
  const std::vector<int32_t> ids = Ids("text.ids");
  for (const int64_t length : {3, 16}) {
    SCOPED_TRACE("steps of " + std::to_string(length));
    std::vector<int64_t> cuts;
    for (auto cut = length; cut < static_cast<int64_t>(ids.size()); cut += length) {
      cuts.push_back(cut);
    }
    ExpectLast({.tokens = ids, .media = {}}, "text.logits_last32", cuts);
  }
}

TEST_P(LogitsTest, LastHiddenState) {
  const std::vector<int32_t> ids = Ids("text.ids");
  const auto tokens = static_cast<int64_t>(ids.size());
  KvCache cache(loaded_.model().config(), {.slots = 1, .max_context = tokens, .max_chunk = tokens},
                loaded_.backend());
  Workspace workspace(loaded_.model().config(), tokens, loaded_.backend());
  const Matrix hidden = Value(loaded_.model().Forward({{.slot = 0, .tokens = ids, .media = {}}},
                                                      ActivationMode::kBf16, cache, workspace));
  // [layers + 1, hidden] of the last token; the last row is the state after the final norm.
  const std::vector<float> expected = Reference().F32("text.hidden_last");
  const auto width = static_cast<size_t>(hidden.cols);
  Buffer host;
  const ConstMatrix last = loaded_.backend().Read(hidden.Rows(tokens - 1, 1), host);
  EXPECT_LE(RelativeError({last.data, width}, std::span(expected).last(width)),
            Tolerance(GetParam()));
}

TEST_P(LogitsTest, OneImage) {
  for (const std::string name : {"circle", "tall", "gray", "large", "wide"}) {
    TestPrompt prompt{.tokens = Ids("img." + name + ".ids"), .media = {}};
    prompt.media.push_back(ImageAt(name, FirstOf(prompt.tokens, kImageToken)));
    ExpectLast(prompt, "img." + name + ".logits_last4");
  }
}

TEST_P(LogitsTest, TwoImages) {
  TestPrompt prompt{.tokens = Ids("img2.ids"), .media = {}};
  prompt.media.push_back(ImageAt("circle", FirstOf(prompt.tokens, kImageToken)));
  const TestMedium& first = prompt.media[0];
  prompt.media.push_back(
      ImageAt("tall", FirstOf(prompt.tokens, kImageToken, first.first_token + first.count)));
  ExpectLast(prompt, "img2.logits_last4");
}

TEST_P(LogitsTest, Audio) {
  for (const std::string name : {"low", "rising", "noise"}) {
    const std::string file = Value(ReadFile(GoldenPath(name + ".wav"), 1 << 20));
    const AudioClip clip = Value(DecodeAudio(std::as_bytes(std::span(file))));
    const AudioFrames frames = Value(ProcessAudio(clip, {}));
    TestPrompt prompt{.tokens = Ids("audio." + name + ".ids"), .media = {}};
    prompt.media.push_back({.kind = MediaKind::kAudio,
                            .first_token = FirstOf(prompt.tokens, kAudioToken),
                            .count = frames.tokens,
                            .patches = {},
                            .positions = {},
                            .frames = frames.samples});
    ExpectLast(prompt, "audio." + name + ".logits_last4");
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, LogitsTest, ::testing::ValuesIn(testing::BackendNames()),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace facet
