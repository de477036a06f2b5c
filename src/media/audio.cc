#include "media/audio.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "media/resampler.h"
#include "media/sound_file.h"

namespace facet {
namespace {

// Slower is no sound, faster no recording; the range bounds the work that a second of sound can
// cost.
constexpr int kLowestRate = 1000;
constexpr int kHighestRate = 384'000;
constexpr int kMostChannels = 64;
constexpr int64_t kBlockFrames = 4096;
// Float files may exceed [-1, 1] and stay as they are, also at the scale of 16-bit integers; more
// is no sound.
constexpr float kLargestSample = 1e6f;

Result<void> CheckHeader(const SoundFile& file) {
  const auto [rate, channels] = file.layout();
  if (rate < kLowestRate || rate > kHighestRate) {
    return Fail(ErrorCode::kUnsupported, "{}: a sampling rate of {} Hz; accepted are {} to {}",
                file.name(), rate, kLowestRate, kHighestRate);
  }
  if (channels < 1 || channels > kMostChannels) {
    return Fail(ErrorCode::kUnsupported, "{}: {} channels; accepted are 1 to {}", file.name(),
                channels, kMostChannels);
  }
  return {};
}

// The mean of each frame's channels, written to `mono`. False for a sample that is none.
bool AverageChannels(std::span<const float> interleaved, int64_t channels, std::span<float> mono) {
  const float* in = interleaved.data();
  for (float& out : mono) {
    double sum = 0.0;
    for (int64_t channel = 0; channel < channels; ++channel) {
      if (!(std::abs(*in) <= kLargestSample)) return false;  // NaN compares false
      sum += *in++;
    }
    out = static_cast<float>(sum / static_cast<double>(channels));
  }
  return true;
}

// Reads, averages and resamples block by block: what is held is the result, whatever the header
// promises.
Result<void> DecodeBlocks(SoundFile& file, Resampler& resampler, double max_seconds) {
  const auto [rate, channels] = file.layout();
  const auto max_frames = static_cast<int64_t>(max_seconds * static_cast<double>(rate));
  std::vector<float> block(static_cast<size_t>(kBlockFrames * channels));
  std::vector<float> mono;
  int64_t frames = 0;
  while (true) {
    FACET_TRY(const int64_t got, file.Read(block));
    if (got == 0) break;
    frames += got;
    if (frames > max_frames) {
      return Fail(ErrorCode::kResource, "{}: the sound is longer than {:.0f} s", file.name(),
                  max_seconds);
    }
    mono.resize(static_cast<size_t>(got));
    if (!AverageChannels(block, channels, mono)) {
      return Fail(ErrorCode::kInvalidData, "{}: a sample near {:.3f} s is not a finite number",
                  file.name(), static_cast<double>(frames - got) / static_cast<double>(rate));
    }
    FACET_RETURN_IF_ERROR(resampler.Append(mono));
  }
  if (frames == 0)
    return Fail(ErrorCode::kInvalidData, "{}: the sound has no samples", file.name());
  return {};
}

}  // namespace

Result<AudioClip> DecodeAudio(std::span<const std::byte> bytes, int sampling_rate,
                              const AudioLimits& limits) {
  FACET_TRY(const std::unique_ptr<SoundFile> file, OpenSoundFile(bytes));
  FACET_RETURN_IF_ERROR(CheckHeader(*file));
  FACET_TRY(Resampler resampler, Resampler::Create({.from = static_cast<int>(file->layout().rate),
                                                    .to = sampling_rate}));
  FACET_RETURN_IF_ERROR(DecodeBlocks(*file, resampler, limits.max_seconds));
  FACET_TRY(std::vector<float> samples, std::move(resampler).Finish());
  return AudioClip{.sampling_rate = sampling_rate, .samples = std::move(samples)};
}

}  // namespace facet
