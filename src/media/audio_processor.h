// Samples to what the model takes in: frames of 640 samples, 40 ms, one token each.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "media/audio.h"

namespace facet {

struct AudioProcessorOptions {
  int64_t samples_per_token = 640;
  int64_t max_tokens = 750;  ///< 30 s; processor_config.json's audio_seq_length
};

/// One clip as model input; only the last frame can hold padding (zeros).
struct AudioFrames {
  int64_t tokens = 0;          ///< ceil(samples / samples_per_token)
  std::vector<float> samples;  ///< [tokens, samples_per_token]
};

/// kInvalidData for a clip without samples; kResource above max_tokens (the message says how long
/// the clip is and how long it may be).
Result<AudioFrames> ProcessAudio(const AudioClip& clip, const AudioProcessorOptions& options);

}  // namespace facet
