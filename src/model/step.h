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

/// Tells the backend which tokens the step has, where they stand and where their keys and values
/// go. (positions.cc)
void BeginStep(const Step& step);

/// Computes the rope angles of both kinds of layers. (positions.cc)
void ComputeAngles(const Step& step);

/// Writes the soft tokens of every medium over its placeholder rows of `hidden`.
/// (media_embedder.cc)
void EmbedMedia(const Step& step, Matrix hidden);

/// Runs all layers on the residual stream, in place. (layer.cc)
void RunLayers(const Step& step, Matrix hidden);

/// Checks a batch against the model, the cache and the workspace. (check_batch.cc)
Result<void> CheckBatch(const ModelConfig& config, const Batch& batch, const KvCache& cache,
                        const Workspace& workspace);

}  // namespace facet
