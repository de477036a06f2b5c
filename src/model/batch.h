// What one forward step consumes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace facet {

enum class MediaKind { kImage, kAudio };

/// Media that fills the placeholder tokens [first_token, first_token + count) of a chunk. Exactly
/// one of the two inputs is set. An image is one block: its tokens see each other in both
/// directions on sliding layers. A chunk holds a medium whole or not at all.
struct MediaInput {
  MediaKind kind = MediaKind::kImage;
  int64_t first_token = 0;  ///< counted from the chunk's first token
  int64_t count = 0;
  const uint8_t* patches = nullptr;    ///< image: [count, patch_side^2 * 3], 0..255
  std::span<const int32_t> positions;  ///< image: [count, 2], column and row below position_limit
  const float* frames = nullptr;       ///< audio: [count, samples_per_token], -1..1
};

/// The next tokens of one sequence. They stand at positions KvCache::length(slot) and up.
struct Chunk {
  int64_t slot = 0;
  std::span<const int32_t> tokens;
  std::vector<MediaInput> media;
};

/// One step: chunks of different slots. Rows of the step are the chunks' tokens in order.
using Batch = std::vector<Chunk>;

inline int64_t TokensIn(const Batch& batch) {
  int64_t tokens = 0;
  for (const Chunk& chunk : batch) tokens += static_cast<int64_t>(chunk.tokens.size());
  return tokens;
}

}  // namespace facet
