#include "media/audio_processor.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "testing/golden.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using testing::ErrorOf;
using testing::GoldenJson;
using testing::GoldenPath;
using ::testing::HasSubstr;
using testing::Value;

AudioClip ReadClip(const std::filesystem::path& path) {
  const MappedFile file = Value(MappedFile::Open(path));
  return Value(DecodeAudio(file.bytes()));
}

AudioClip Clip(int64_t samples) {
  return {.samples = std::vector<float>(static_cast<size_t>(samples), 0.5f)};
}

TEST(ProcessAudio, GoldenFiles) {
  const nlohmann::json cases = GoldenJson("golden.json")["audio"];
  ASSERT_EQ(cases.size(), 3u);
  for (const auto& golden : cases) {
    const AudioFrames frames = Value(ProcessAudio(ReadClip(GoldenPath(golden["file"])), {}));
    EXPECT_EQ(frames.tokens, golden["frames"].get<int64_t>()) << golden["file"];
  }
}

TEST(ProcessAudio, TokensAreSamplesBy640RoundedUp) {
  // spec section 10, item 6, and case C36
  const std::vector<std::pair<int64_t, int64_t>> cases = {
      {1, 1}, {639, 1}, {640, 1}, {641, 2}, {1280, 2}, {1281, 3}, {16000, 25}, {480000, 750}};
  for (const auto& [samples, tokens] : cases) {
    const AudioFrames frames = Value(ProcessAudio(Clip(samples), {}));
    EXPECT_EQ(frames.tokens, tokens) << samples;
    EXPECT_EQ(std::ssize(frames.samples), tokens * 640) << samples;
  }
}

TEST(ProcessAudio, FilesOfCaseC36) {
  for (const auto& [samples, tokens] : std::vector<std::pair<int, int>>{
           {1, 1}, {639, 1}, {640, 1}, {641, 2}, {1280, 2}, {16000, 25}}) {
    const auto clip = ReadClip(CasePath("aud/n" + std::to_string(samples) + ".wav"));
    EXPECT_EQ(Value(ProcessAudio(clip, {})).tokens, tokens) << samples;
  }
  const auto too_long = ReadClip(CasePath("aud/n480001.wav"));
  const Error error = ErrorOf(ProcessAudio(too_long, {}));
  EXPECT_EQ(error.code, ErrorCode::kResource);
  EXPECT_THAT(error.message, HasSubstr("751"));
  EXPECT_THAT(error.message, HasSubstr("750"));
  EXPECT_THAT(error.message, HasSubstr("30.00 s"));
  EXPECT_EQ(Value(ProcessAudio(too_long, {.max_tokens = 751})).tokens, 751);
}

TEST(ProcessAudio, OnlyTheLastFrameIsPadded) {
  const AudioFrames frames = Value(ProcessAudio(Clip(641), {}));
  for (size_t i = 0; i < frames.samples.size(); ++i) {
    EXPECT_EQ(frames.samples[i], i < 641 ? 0.5f : 0.0f) << i;
  }
}

TEST(ProcessAudio, RefusesAnEmptyClip) {
  EXPECT_EQ(ErrorOf(ProcessAudio(AudioClip{}, {})).code, ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace facet
