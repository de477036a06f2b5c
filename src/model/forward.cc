// The network, top to bottom.
#include <algorithm>
#include <cmath>

#include "model/step.h"

namespace facet {

namespace {

/// The embedding's factor: the square root of the width, in float32.
float EmbeddingScale(const ModelConfig& config) {
  return static_cast<float>(std::sqrt(static_cast<double>(config.hidden)));
}

/// Steps that may replay each other run the same weights in the same mode. Replays see neither
/// media nor observers.
uint64_t VariantOf(const Step& step) {
  const auto weights = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&step.weights));
  return 2 * weights + (step.mode == ActivationMode::kNvfp4 ? 1 : 0);
}

bool HasMedia(const Batch& batch) {
  return std::any_of(batch.begin(), batch.end(),
                     [](const Chunk& chunk) { return !chunk.media.empty(); });
}

}  // namespace

Result<Matrix> Model::Forward(const Batch& batch, ActivationMode mode, KvCache& cache,
                              Workspace& workspace, const InputObserver& observer) const {
  FACET_RETURN_IF_ERROR(CheckBatch(*config_, batch, cache, workspace));
  const Step step{*config_, weights_, frequencies_, *backend_, batch,
                  mode,     cache,    workspace,    observer,  TokensIn(batch)};
  const Matrix hidden = workspace.Hidden(step.tokens);
  const Matrix normed = workspace.Normed(step.tokens);
  const bool replayable = !observer && !HasMedia(batch);

  BeginStep(step);
  backend_->RunStep(replayable ? workspace.recordings() : nullptr, VariantOf(step), [&] {
    backend_->Embed(weights_.embedding, EmbeddingScale(*config_), hidden);
    EmbedMedia(step, hidden);
    ComputeAngles(step);
    RunLayers(step, hidden);
    backend_->RmsNorm(hidden, weights_.final_norm, config_->rms_norm_eps, normed);
  });

  for (const Chunk& chunk : batch)
    cache.Advance(chunk.slot, static_cast<int64_t>(chunk.tokens.size()));
  return normed;
}

void Model::Logits(ConstMatrix hidden, Matrix out) const {
  backend_->Linear(weights_.embedding, hidden, out);
  if (config_->logit_softcap > 0)
    backend_->SoftCap(static_cast<float>(config_->logit_softcap), out);
}

}  // namespace facet
