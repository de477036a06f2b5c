// Where tokens stand: rope angles, and how far ahead each may look.
#include <cmath>

#include "model/step.h"

namespace facet {
namespace {

/// The first layer of a kind stands for all of them (Model::Load checks that they agree).
const LayerConfig* FirstOfKind(const ModelConfig& config, LayerKind kind) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.kind == kind) return &layer;
  }
  return nullptr;
}

void FillAngles(const Step& step, const LayerConfig& layer) {
  const bool full = layer.kind == LayerKind::kFull;
  const std::vector<double> frequencies = layer.rope.InverseFrequencies(layer.head_dim);
  const Matrix cosines = step.workspace.Cosines(full, step.tokens, layer.head_dim / 2);
  const Matrix sines = step.workspace.Sines(full, step.tokens, layer.head_dim / 2);
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
  for (const LayerKind kind : {LayerKind::kSliding, LayerKind::kFull}) {
    if (const LayerConfig* layer = FirstOfKind(step.config, kind)) FillAngles(step, *layer);
  }
  FillVisibleEnds(step);
}

}  // namespace facet
