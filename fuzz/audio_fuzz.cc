// Any bytes as a sound file: finite samples inside the limits or an error, and frames from every
// sound.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "media/audio.h"
#include "media/audio_processor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A small limit keeps each run fast; the code behind it is the same.
  const auto clip =
      facet::DecodeAudio(std::as_bytes(std::span(data, size)), 16000, {.max_seconds = 3});
  if (!clip) return 0;
  FACET_CHECK(!clip->samples.empty() && clip->samples.size() <= 3 * 16000 + 1);
  for (const float sample : clip->samples) FACET_CHECK(std::isfinite(sample));
  const auto frames = facet::ProcessAudio(*clip, {});
  FACET_CHECK(frames && std::ssize(frames->samples) == frames->tokens * 640);
  return 0;
}
