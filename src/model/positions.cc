// Where tokens stand: rope angles, and how far ahead each may look.
#include <algorithm>
#include <cmath>
#include <vector>

#include "model/step.h"

namespace facet {
namespace {

void FillAngles(const Step& step, bool full) {
  const std::vector<double>& frequencies = step.frequencies[full];
  const auto half = static_cast<int64_t>(frequencies.size());
  std::vector<float> cosines;
  std::vector<float> sines;
  for (const Chunk& chunk : step.batch) {
    for (size_t t = 0; t < chunk.tokens.size(); ++t) {
      const auto position =
          static_cast<double>(step.cache.length(chunk.slot) + static_cast<int64_t>(t));
      for (const double frequency : frequencies) {
        cosines.push_back(static_cast<float>(std::cos(position * frequency)));
        sines.push_back(static_cast<float>(std::sin(position * frequency)));
      }
    }
  }
  const auto bytes = static_cast<int64_t>(cosines.size() * sizeof(float));
  step.backend.Write(cosines.data(), bytes, step.workspace.Cosines(full, step.tokens, half).data);
  step.backend.Write(sines.data(), bytes, step.workspace.Sines(full, step.tokens, half).data);
}

/// Causal everywhere; on sliding layers a token inside an image sees the image's end, unless the
/// configuration keeps images causal too.
void FillVisibleEnds(const Step& step) {
  std::vector<int64_t> full;
  std::vector<int64_t> sliding;
  for (const Chunk& chunk : step.batch) {
    const int64_t position = step.cache.length(chunk.slot);
    const auto count = static_cast<int64_t>(chunk.tokens.size());
    const auto row = static_cast<int64_t>(full.size());
    for (int64_t t = 0; t < count; ++t) full.push_back(position + t + 1);
    sliding.insert(sliding.end(), full.begin() + row, full.end());
    for (const MediaInput& media : chunk.media) {
      if (media.kind != MediaKind::kImage || !step.config.bidirectional_images) continue;
      const int64_t end = media.first_token + media.count;
      std::fill(sliding.begin() + row + media.first_token, sliding.begin() + row + end,
                position + end);
    }
  }
  const auto bytes = static_cast<int64_t>(full.size() * sizeof(int64_t));
  step.backend.Write(sliding.data(), bytes, step.workspace.VisibleEnd(false));
  step.backend.Write(full.data(), bytes, step.workspace.VisibleEnd(true));
}

}  // namespace

void PreparePositions(const Step& step) {
  for (const bool full : {false, true}) FillAngles(step, full);
  FillVisibleEnds(step);
}

}  // namespace facet
