// Images and sound to soft tokens, without an encoder: norms, one dense layer, positions, one
// projection.
#include "model/step.h"

namespace facet {
namespace {

/// Floats from the host's memory as `out`.
void WriteRows(const Step& step, const float* host, Matrix out) {
  step.backend.Write(host, out.rows * out.cols * static_cast<int64_t>(sizeof(float)), out.data);
}

/// Pixels 0..255 to 0..1, times 1/255 in float32 as the reference's processor does.
void RescalePixels(const Step& step, const uint8_t* patches, Matrix out) {
  constexpr float kRescale = 1.0f / 255.0f;
  std::vector<float> pixels(static_cast<size_t>(out.rows * out.cols));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(patches[i]) * kRescale;
  WriteRows(step, pixels.data(), out);
}

void EmbedImage(const Step& step, const MediaInput& image, Matrix out) {
  const VisionConfig& config = *step.config.vision;
  const VisionWeights& weights = *step.weights.vision;
  Backend& backend = step.backend;
  const Matrix pixels = step.workspace.Media(image.count, config.patch_elements());
  const Matrix x = step.workspace.Projected(image.count);
  RescalePixels(step, image.patches, pixels);
  backend.LayerNorm(pixels, weights.norm1, weights.norm1_bias, config.layer_norm_eps, pixels);
  backend.Linear(weights.dense, pixels, x);
  backend.AddBias(weights.dense_bias, x);
  backend.LayerNorm(x, weights.norm2, weights.norm2_bias, config.layer_norm_eps, x);
  backend.AddPositions(weights.positions, image.positions, x);
  backend.LayerNorm(x, weights.position_norm, weights.position_norm_bias, config.layer_norm_eps, x);
  backend.RmsNorm(x, nullptr, config.rms_norm_eps, x);
  backend.Linear(weights.projection, x, out);
}

void EmbedAudio(const Step& step, const MediaInput& audio, Matrix out) {
  const AudioConfig& config = *step.config.audio;
  const Matrix frames = step.workspace.Media(audio.count, config.samples_per_token);
  WriteRows(step, audio.frames, frames);
  step.backend.RmsNorm(frames, nullptr, config.rms_norm_eps, frames);
  step.backend.Linear(*step.weights.audio_projection, frames, out);
}

}  // namespace

void EmbedMedia(const Step& step, Matrix hidden) {
  int64_t row = 0;
  for (const Chunk& chunk : step.batch) {
    for (const MediaInput& media : chunk.media) {
      const Matrix out = hidden.Rows(row + media.first_token, media.count);
      if (media.kind == MediaKind::kImage) {
        EmbedImage(step, media, out);
      } else {
        EmbedAudio(step, media, out);
      }
    }
    row += static_cast<int64_t>(chunk.tokens.size());
  }
}

}  // namespace facet
