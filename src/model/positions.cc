// Where tokens stand, how far ahead each may look, and where its keys and values go.
#include <algorithm>

#include "model/step.h"

namespace facet {
namespace {

bool SeesAhead(const Step& step) {
  if (!step.config.bidirectional_images) return false;
  return std::any_of(step.batch.begin(), step.batch.end(), [](const Chunk& chunk) {
    return std::any_of(chunk.media.begin(), chunk.media.end(),
                       [](const MediaInput& media) { return media.kind == MediaKind::kImage; });
  });
}

/// On sliding layers a token inside an image sees the image's end.
std::vector<int64_t> VisibleEnds(const Step& step) {
  std::vector<int64_t> ends;
  for (const Chunk& chunk : step.batch) {
    const int64_t position = step.cache.length(chunk.slot);
    const auto row = static_cast<int64_t>(ends.size());
    for (size_t t = 1; t <= chunk.tokens.size(); ++t) {
      ends.push_back(position + static_cast<int64_t>(t));
    }
    for (const MediaInput& media : chunk.media) {
      if (media.kind != MediaKind::kImage) continue;
      const auto first = ends.begin() + row + media.first_token;
      std::fill(first, first + media.count, position + media.first_token + media.count);
    }
  }
  return ends;
}

}  // namespace

void BeginStep(const Step& step) {
  std::vector<int32_t> tokens;
  std::vector<StepSequence> sequences;
  std::vector<CacheRing> rings;
  std::vector<int64_t> visible_end;
  for (const Chunk& chunk : step.batch) {
    tokens.insert(tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
    sequences.push_back({.rows = static_cast<int64_t>(chunk.tokens.size()),
                         .first_position = step.cache.length(chunk.slot)});
  }
  for (size_t layer = 0; layer < step.config.layers.size(); ++layer) {
    for (const Chunk& chunk : step.batch) rings.push_back(step.cache.ring(layer, chunk.slot));
  }
  if (SeesAhead(step)) visible_end = VisibleEnds(step);
  step.backend.BeginStep({.tokens = tokens,
                          .sequences = sequences,
                          .rings = rings,
                          .visible_end = visible_end,
                          .frequencies = {step.frequencies[0], step.frequencies[1]}});
}

void ComputeAngles(const Step& step) {
  for (const size_t full : {size_t{0}, size_t{1}}) {
    const auto half = static_cast<int64_t>(step.frequencies[full].size());
    if (half > 0) step.backend.Angles(full, step.workspace.Angles(full != 0, step.tokens, half));
  }
}

}  // namespace facet
