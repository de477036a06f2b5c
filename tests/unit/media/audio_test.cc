#include "media/audio.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "sound_writer.h"
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
using testing::MakeTone;
using testing::SoundSpec;
using testing::ToneAmplitude;
using testing::Value;
using testing::WriteSound;

Result<AudioClip> DecodeFile(const std::filesystem::path& path) {
  const MappedFile file = Value(MappedFile::Open(path));
  return DecodeAudio(file.bytes());
}

std::vector<std::byte> Bytes(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

TEST(DecodeAudio, GoldenFiles) {
  const nlohmann::json cases = GoldenJson("golden.json")["audio"];
  ASSERT_EQ(cases.size(), 3u);
  for (const auto& golden : cases) {
    const AudioClip clip = Value(DecodeFile(GoldenPath(golden["file"])));
    EXPECT_EQ(std::ssize(clip.samples), golden["samples"].get<int64_t>()) << golden["file"];
    EXPECT_EQ(clip.sampling_rate, 16000);
  }
}

TEST(DecodeAudio, LengthsOfCaseC36) {
  for (const int64_t samples : {1, 639, 640, 641, 1280, 16000, 480001}) {
    const auto clip = Value(DecodeFile(CasePath("aud/n" + std::to_string(samples) + ".wav")));
    EXPECT_EQ(std::ssize(clip.samples), samples);
  }
  const Error error = ErrorOf(DecodeFile(CasePath("aud/n0.wav")));
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
  EXPECT_THAT(error.message, HasSubstr("no samples"));
}

struct FormatCase {
  std::string name;
  SoundSpec spec;
  double tolerance;  // of the tone's amplitude: rounding, or what a lossy format may change
};

class DecodeAudioFormats : public ::testing::TestWithParam<FormatCase> {};

TEST_P(DecodeAudioFormats, KeepsLengthFrequencyAndAmplitude) {
  const FormatCase& c = GetParam();
  const auto file = WriteSound(
      c.spec, MakeTone({.hertz = 440.0, .amplitude = 0.5}, c.spec.rate, c.spec.channels));
  const AudioClip clip = Value(DecodeAudio(file));
  EXPECT_EQ(clip.sampling_rate, 16000);
  EXPECT_EQ(clip.samples.size(), 16000u) << "codecs say how much of their padding is sound";
  EXPECT_NEAR(ToneAmplitude(clip.samples, 440.0, 16000), 0.5, c.tolerance);
  EXPECT_NEAR(ToneAmplitude(clip.samples, 520.0, 16000), 0.0, 0.01);
}

INSTANTIATE_TEST_SUITE_P(
    All, DecodeAudioFormats,
    ::testing::Values(
        FormatCase{"wav16", {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1}, 1e-4},
        FormatCase{"wav8", {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 16000, 1}, 5e-3},
        FormatCase{"wav24", {SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 48000, 6}, 1e-4},
        FormatCase{"wav32", {SF_FORMAT_WAV | SF_FORMAT_PCM_32, 8000, 1}, 1e-4},
        FormatCase{"wav_float", {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 2}, 1e-4},
        FormatCase{"wav_double", {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 22050, 1}, 1e-4},
        FormatCase{"wav_ulaw", {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1}, 5e-3},
        FormatCase{"wav_alaw", {SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000, 1}, 5e-3},
        FormatCase{"wav_44100_stereo", {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2}, 1e-4},
        FormatCase{"wav_192000", {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 192000, 1}, 1e-4},
        FormatCase{"flac16", {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2}, 1e-4},
        FormatCase{"flac24", {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 96000, 1}, 1e-4},
        FormatCase{"vorbis", {SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 2}, 0.02},
        FormatCase{"opus", {SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1}, 0.02},
        FormatCase{"mp3", {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2}, 0.02}),
    [](const auto& test) { return test.param.name; });

TEST(DecodeAudio, AveragesChannels) {
  std::vector<float> samples;
  for (int i = 0; i < 1000; ++i) samples.insert(samples.end(), {0.75f, -0.25f});
  const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 2}, samples);
  EXPECT_THAT(Value(DecodeAudio(file)).samples, ::testing::Each(0.25f));
}

TEST(DecodeAudio, PassesSamplesAtTheTargetRateThroughUnchanged) {
  const std::vector<float> samples = {0.0f, 0.1f, -1.0f, 1.0f, 1.5f, -32768.0f};
  const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1}, samples);
  EXPECT_EQ(Value(DecodeAudio(file)).samples, samples);
}

TEST(DecodeAudio, SixteenBitsAreDividedBy32768) {
  const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1},
                               std::vector<float>{-1.0f, 0.5f, 0.0f});
  const auto samples = Value(DecodeAudio(file)).samples;
  EXPECT_EQ(samples[0], -32767.0f / 32768.0f);  // libsndfile's writer scales by 32767
  EXPECT_EQ(samples[1], 16384.0f / 32768.0f);
}

TEST(DecodeAudio, ResampledLengthIsRoundedUp) {
  for (const int rate : {8000, 11025, 22050, 44100, 48000}) {
    for (const int64_t frames : {1, 2, 3, 100, 441, 4095, 4096, 4097, 10000}) {
      const std::vector<float> samples(static_cast<size_t>(frames), 0.25f);
      const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_FLOAT, rate, 1}, samples);
      EXPECT_EQ(std::ssize(Value(DecodeAudio(file)).samples), (frames * 16000 + rate - 1) / rate)
          << frames << " frames at " << rate << " Hz";
    }
  }
}

TEST(DecodeAudio, ResamplingRemovesWhatTheTargetRateCannotHold) {
  const auto tone = MakeTone({.hertz = 11000.0}, 48000);
  const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 1}, tone);
  const auto samples = Value(DecodeAudio(file)).samples;
  EXPECT_LT(ToneAmplitude(samples, 5000.0, 16000), 1e-4) << "11 kHz would come back as 5 kHz";
}

TEST(DecodeAudio, OtherTargetRates) {
  const auto file = WriteSound({.rate = 16000}, MakeTone({.hertz = 440.0}, 16000));
  const AudioClip clip = Value(DecodeAudio(file, 24000));
  EXPECT_EQ(clip.sampling_rate, 24000);
  EXPECT_EQ(clip.samples.size(), 24000u);
  EXPECT_NEAR(ToneAmplitude(clip.samples, 440.0, 24000), 0.5, 1e-4);
}

TEST(DecodeAudio, RefusesSamplesThatAreNoNumbers) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), 1e30f}) {
    std::vector<float> samples(5000, 0.1f);
    samples[4999] = bad;
    const auto file = WriteSound({SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1}, samples);
    EXPECT_EQ(ErrorOf(DecodeAudio(file)).code, ErrorCode::kInvalidData) << bad;
  }
}

TEST(DecodeAudio, RefusesSoundsThatAreTooLong) {
  const auto file = WriteSound({.rate = 8000}, std::vector<float>(8001));
  EXPECT_EQ(ErrorOf(DecodeAudio(file, 16000, {.max_seconds = 1.0})).code, ErrorCode::kResource);
  EXPECT_EQ(Value(DecodeAudio(file, 16000, {.max_seconds = 1.001})).samples.size(), 16002u);
}

TEST(DecodeAudio, RefusesCutWavAndFlac) {
  for (const int container : {SF_FORMAT_WAV, SF_FORMAT_FLAC}) {
    const SoundSpec spec{.format = container | SF_FORMAT_PCM_16, .rate = 16000, .channels = 1};
    const auto file = WriteSound(spec, MakeTone({.seconds = 0.3}, 16000));
    Value(DecodeAudio(file));
    for (size_t size = 0; size < file.size(); size += 37) {
      const auto cut = std::span(file).first(size);
      EXPECT_FALSE(DecodeAudio(cut).has_value()) << "the first " << size << " of " << file.size();
    }
    EXPECT_FALSE(DecodeAudio(std::span(file).first(file.size() - 1)).has_value());
  }
}

TEST(DecodeAudio, AcceptsWavFromAPipe) {
  // A writer that cannot seek back leaves a placeholder for the size.
  auto file = WriteSound({.rate = 16000}, std::vector<float>(640, 0.5f));
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  std::memset(file.data() + text.find("data") + 4, 0xFF, 4);
  EXPECT_EQ(Value(DecodeAudio(file)).samples.size(), 640u);
}

TEST(DecodeAudio, ChangedBytesNeverCrash) {
  for (const int format :
       {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
        SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    const auto file = WriteSound({format, 16000, 1}, MakeTone({.seconds = 0.1}, 16000));
    for (size_t i = 0; i < std::min<size_t>(file.size(), 200); ++i) {
      auto changed = file;
      changed[i] ^= std::byte{0xFF};
      const auto result = DecodeAudio(changed, 16000, {.max_seconds = 10});
      EXPECT_TRUE(!result || result->samples.size() <= 160000u);
    }
  }
}

TEST(DecodeAudio, NamesOtherFormats) {
  using std::string_view_literals::operator""sv;
  const std::vector<std::pair<std::string_view, std::string>> cases = {
      {"\0\0\0\x20"
       "ftypM4A \0\0\0\0"sv,
       "MP4"},
      {"FORM\0\0\0\x10"
       "AIFFCOMM"sv,
       "AIFF"},
      {"\x1A\x45\xDF\xA3\x01"sv, "WebM"},
      {"\xFF\xF1\x50\x80"sv, "AAC"},
      {"#!AMR\n"sv, "AMR"},
      {"just some words"sv, "unknown"},
      {"%PDF-1.7"sv, "PDF"},
  };
  for (const auto& [text, name] : cases) {
    const Error error = ErrorOf(DecodeAudio(Bytes(text)));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << name;
    EXPECT_THAT(error.message, HasSubstr(name));
    EXPECT_THAT(error.message, HasSubstr("WAV, FLAC, MP3 and Ogg"));
  }
  EXPECT_EQ(ErrorOf(DecodeAudio({})).code, ErrorCode::kInvalidData);
}

TEST(DecodeAudio, RefusesDamagedVorbis) {
  auto file = WriteSound({SF_FORMAT_OGG | SF_FORMAT_VORBIS, 16000, 1}, MakeTone({}, 16000));
  Value(DecodeAudio(file));
  file[1000] ^= std::byte{1};  // in the codebooks: the page's checksum no longer fits
  EXPECT_EQ(ErrorOf(DecodeAudio(file)).code, ErrorCode::kInvalidData);
}

TEST(DecodeAudio, RefusesOtherCodecsInsideOgg) {
  auto file = WriteSound({SF_FORMAT_OGG | SF_FORMAT_VORBIS, 16000, 1}, MakeTone({}, 16000));
  file[29] = std::byte{'T'};  // the first letter of the codec's name
  const Error error = ErrorOf(DecodeAudio(file));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("Ogg without Vorbis or Opus"));
}

TEST(DecodeAudio, RefusesTelephoneCodecsInsideWav) {
  const auto file =
      WriteSound({SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 8000, 1}, std::vector<float>(8000));
  EXPECT_EQ(ErrorOf(DecodeAudio(file)).code, ErrorCode::kUnsupported);
}

TEST(DecodeAudio, RefusesRatesAndChannelsOutOfRange) {
  for (const int rate : {1, 999, 384001}) {
    const auto file = WriteSound({.rate = rate}, std::vector<float>(100));
    EXPECT_EQ(ErrorOf(DecodeAudio(file)).code, ErrorCode::kUnsupported) << rate;
  }
  const auto file = WriteSound({.rate = 16000, .channels = 65}, std::vector<float>(650));
  EXPECT_EQ(ErrorOf(DecodeAudio(file)).code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace facet
