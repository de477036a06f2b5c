// Model: loaded weights, and the forward pass over a batch of chunks. Immutable after Load().
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/backend.h"
#include "model/batch.h"
#include "model/kv_cache.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace facet {

/// How the inputs of quantized linears are treated. Results of different modes must never be
/// compared without saying so; every report names its mode.
enum class ActivationMode {
  kBf16,   ///< W4A16: activations stay unquantized (computed in float32 on ref and cpu)
  kNvfp4,  ///< W4A4: quantized to NVFP4 with each linear's static input scale, as the checkpoint
           ///< states
};

/// "bf16" or "nvfp4".
std::string_view NameOf(ActivationMode mode);
/// kUsage for an unknown name (the message lists them); kUnsupported for "int8", which is not there
/// yet.
Result<ActivationMode> ActivationModeFromName(std::string_view name);

/// Called with the input of each group of linears, in the order of the forward pass.
using InputObserver = std::function<void(size_t layer, LinearGroup group, Activations input)>;

/// Angle per position of every rope pair, for sliding [0] and full [1] layers; empty where there
/// are none.
using RopeFrequencies = std::array<std::vector<double>, 2>;

class Model {
 public:
  /// Finds and checks every weight. `checkpoint` and `backend` must outlive the model.
  static Result<Model> Load(const Checkpoint& checkpoint, Backend& backend);

  const ModelConfig& config() const { return *config_; }
  Backend& backend() const { return *backend_; }

  /// Whether the checkpoint has what `mode` needs. kUsage for NVFP4 activations when no weight is
  /// NVFP4; kUnsupported when an NVFP4 weight comes without its input scale (the message names it).
  Result<void> CheckMode(ActivationMode mode) const;

  /// Runs one step: appends every chunk to its slot of `cache` and returns the final hidden states
  /// after the last norm, [tokens of the batch, hidden], in `workspace`, valid until its next use.
  /// kUsage when a chunk breaks a limit of the cache or the workspace, holds an id outside the
  /// vocabulary, or brings media that the model has no weights for; nothing has been written then.
  Result<Matrix> Forward(const Batch& batch, ActivationMode mode, KvCache& cache,
                         Workspace& workspace, const InputObserver& observer = {}) const;

  /// Logits of hidden states from Forward(), soft-capped: out [hidden.rows, vocabulary].
  void Logits(ConstMatrix hidden, Matrix out) const;

 private:
  Model(const ModelConfig& config, Backend& backend, ModelWeights weights);

  const ModelConfig* config_;
  Backend* backend_;
  ModelWeights weights_;
  RopeFrequencies frequencies_;
};

}  // namespace facet
