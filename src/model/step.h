// One forward step in progress: the batch, its buffers, and the parts of the pass. Internal to
// model/.
#pragma once

#include <vector>

#include "model/model.h"

namespace facet {

/// What every part of the pass needs. Borrowed for the duration of Model::Forward.
struct Step {
  const ModelConfig& config;
  const ModelWeights& weights;
  const RopeFrequencies& frequencies;
  Backend& backend;
  const Batch& batch;
  ActivationMode mode;
  KvCache& cache;
  Workspace& workspace;
  const InputObserver& observer;
  int64_t tokens;
};

/// Fills the rope angles and the visible ends of every token, for both kinds of layers.
/// (positions.cc)
void PreparePositions(const Step& step);

/// Writes the soft tokens of every medium over its placeholder rows of `hidden`.
/// (media_embedder.cc)
void EmbedMedia(const Step& step, Matrix hidden);

/// Runs layer `index` on the residual stream, in place. (layer.cc)
void RunLayer(const Step& step, size_t index, Matrix hidden);

/// Checks a batch against the model, the cache and the workspace. (check_batch.cc)
Result<void> CheckBatch(const ModelConfig& config, const Batch& batch, const KvCache& cache,
                        const Workspace& workspace);

}  // namespace facet
