#include "engine/prefill.h"

#include <algorithm>
#include <span>

#include "base/check.h"

namespace facet {
namespace {

/// A medium as the model takes it, for a chunk that begins at `chunk_begin`.
MediaInput InputOf(const MediaSpan& span, int64_t chunk_begin) {
  MediaInput input;
  input.first_token = span.first_token - chunk_begin;
  input.count = span.count;
  if (const auto* image = std::get_if<ImagePatches>(&span.media)) {
    input.kind = MediaKind::kImage;
    input.patches = image->patches.data();
    input.positions = image->positions;
  } else {
    input.kind = MediaKind::kAudio;
    input.frames = std::get<AudioFrames>(span.media).samples.data();
  }
  return input;
}

}  // namespace

int64_t ChunkLimit(const Prompt& prompt, int64_t wanted) {
  int64_t limit = wanted;
  for (const MediaSpan& span : prompt.media) limit = std::max(limit, span.count);
  return limit;
}

int64_t OutsideMedia(const Prompt& prompt, int64_t position) {
  for (const MediaSpan& span : prompt.media) {
    if (span.first_token < position && position < span.first_token + span.count) {
      return span.first_token;
    }
  }
  return position;
}

std::vector<TokenRange> CutPrompt(const Prompt& prompt, int64_t first, int64_t limit) {
  const auto count = static_cast<int64_t>(prompt.tokens.size());
  std::vector<TokenRange> ranges;
  for (int64_t begin = first; begin < count;) {
    const int64_t end = OutsideMedia(prompt, std::min(begin + limit, count));
    FACET_CHECK(end > begin);  // limit holds every medium
    ranges.push_back({begin, end});
    begin = end;
  }
  return ranges;
}

Chunk MakeChunk(const Prompt& prompt, TokenRange range, int64_t slot) {
  Chunk chunk;
  chunk.slot = slot;
  chunk.tokens =
      std::span(prompt.tokens)
          .subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
  for (const MediaSpan& span : prompt.media) {
    if (span.first_token >= range.begin && span.first_token < range.end) {
      chunk.media.push_back(InputOf(span, range.begin));
    }
  }
  return chunk;
}

}  // namespace facet
