// The network, top to bottom.
#include <cmath>

#include "model/step.h"

namespace facet {

namespace {

void EmbedTokens(const Step& step, Matrix hidden) {
  // The reference multiplies by the square root of the width in the model's arithmetic, here
  // float32.
  const auto scale = static_cast<float>(std::sqrt(static_cast<double>(step.config.hidden)));
  int64_t row = 0;
  for (const Chunk& chunk : step.batch) {
    const auto count = static_cast<int64_t>(chunk.tokens.size());
    step.backend.Embed(step.weights.embedding, chunk.tokens, scale, hidden.Rows(row, count));
    row += count;
  }
}

}  // namespace

Result<Matrix> Model::Forward(const Batch& batch, ActivationMode mode, KvCache& cache,
                              Workspace& workspace, const InputObserver& observer) const {
  FACET_RETURN_IF_ERROR(CheckBatch(*config_, batch, cache, workspace));
  const Step step{*config_, weights_, frequencies_, *backend_, batch,
                  mode,     cache,    workspace,    observer,  TokensIn(batch)};
  const Matrix hidden = workspace.Hidden(step.tokens);
  const Matrix normed = workspace.Normed(step.tokens);

  EmbedTokens(step, hidden);
  EmbedMedia(step, hidden);
  PreparePositions(step);
  for (size_t layer = 0; layer < config_->layers.size(); ++layer) RunLayer(step, layer, hidden);
  backend_->RmsNorm(hidden, weights_.final_norm, config_->rms_norm_eps, normed);

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
