// Sound files to samples: WAV, FLAC, MP3, Ogg (Vorbis, Opus) of any rate and channel count to mono
// at 16 kHz.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"

namespace facet {

/// Mono samples in [-1, 1] at `sampling_rate`.
struct AudioClip {
  int sampling_rate = 16000;  ///< Hz
  std::vector<float> samples;
};

/// What a sound file from outside may cost; the length is checked while decoding, so a lying header
/// costs nothing.
struct AudioLimits {
  double max_seconds = 30 * 60;
};

/// Decodes a file (format told by its contents), averages the channels, resamples to
/// `sampling_rate` (soxr HQ). kUnsupported for an unknown format, kInvalidData for a broken or
/// empty file, kResource above the limits.
Result<AudioClip> DecodeAudio(std::span<const std::byte> file, int sampling_rate = 16000,
                              const AudioLimits& limits = {});

}  // namespace facet
