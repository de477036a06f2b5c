// Where tokens stand: rope angles, and how far ahead each may look.
#include <cmath>

#include "model/step.h"

namespace facet {
namespace {

void FillAngles(const Step& step, bool full) {
  const std::vector<double>& frequencies = step.frequencies[full];
  const auto half = static_cast<int64_t>(frequencies.size());
  const Matrix cosines = step.workspace.Cosines(full, step.tokens, half);
  const Matrix sines = step.workspace.Sines(full, step.tokens, half);
  int64_t row = 0;
  for (const Chunk& chunk : step.batch) {
    for (size_t t = 0; t < chunk.tokens.size(); ++t, ++row) {
      const auto position =
          static_cast<double>(step.cache.length(chunk.slot) + static_cast<int64_t>(t));
      for (size_t i = 0; i < frequencies.size(); ++i) {
        cosines.row(row)[i] = static_cast<float>(std::cos(position * frequencies[i]));
        sines.row(row)[i] = static_cast<float>(std::sin(position * frequencies[i]));
      }
    }
  }
}

/// Causal everywhere; on sliding layers a token inside an image sees the image's end, unless the
/// configuration keeps images causal too.
void FillVisibleEnds(const Step& step) {
  int64_t* sliding = step.workspace.VisibleEnd(false);
  int64_t* full = step.workspace.VisibleEnd(true);
  int64_t row = 0;
  for (const Chunk& chunk : step.batch) {
    const int64_t position = step.cache.length(chunk.slot);
    const auto count = static_cast<int64_t>(chunk.tokens.size());
    for (int64_t t = 0; t < count; ++t) sliding[row + t] = full[row + t] = position + t + 1;
    for (const MediaInput& media : chunk.media) {
      if (media.kind != MediaKind::kImage || !step.config.bidirectional_images) continue;
      const int64_t end = media.first_token + media.count;
      for (int64_t t = media.first_token; t < end; ++t) sliding[row + t] = position + end;
    }
    row += count;
  }
}

}  // namespace

void PreparePositions(const Step& step) {
  for (const bool full : {false, true}) FillAngles(step, full);
  FillVisibleEnds(step);
}

}  // namespace facet
