// Prompt: what the engine takes in. Token ids, with the media that stand behind runs of placeholder
// ids.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "media/audio_processor.h"
#include "media/image_processor.h"

namespace facet {

/// Media behind the placeholder tokens [first_token, first_token + count).
struct MediaSpan {
  int64_t first_token = 0;
  int64_t count = 0;
  std::variant<ImagePatches, AudioFrames> media;
};

struct Prompt {
  std::vector<int32_t> tokens;
  std::vector<MediaSpan> media;  ///< in order of first_token
};

}  // namespace facet
