#include "media/audio_processor.h"

#include "base/check.h"

namespace facet {

Result<AudioFrames> ProcessAudio(const AudioClip& clip, const AudioProcessorOptions& options) {
  FACET_CHECK(options.samples_per_token > 0 && options.max_tokens > 0 && clip.sampling_rate > 0);
  if (clip.samples.empty()) return Fail(ErrorCode::kInvalidData, "the sound has no samples");
  const int64_t samples = std::ssize(clip.samples);
  const int64_t size = options.samples_per_token;
  const int64_t tokens = (samples - 1) / size + 1;
  if (tokens > options.max_tokens) {
    const double rate = clip.sampling_rate;
    return Fail(ErrorCode::kResource,
                "the sound takes {} tokens ({:.2f} s); at most {} ({:.2f} s) fit the model", tokens,
                static_cast<double>(samples) / rate, options.max_tokens,
                static_cast<double>(options.max_tokens * size) / rate);
  }
  AudioFrames frames{.tokens = tokens, .samples = clip.samples};
  frames.samples.resize(static_cast<size_t>(tokens * size), 0.0f);
  return frames;
}

}  // namespace facet
