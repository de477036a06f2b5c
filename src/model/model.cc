#include "model/model.h"

namespace facet {
namespace {

/// Angles are computed once for all layers of a kind, so these must agree on what shapes them.
Result<void> CheckLayersAgree(const ModelConfig& config) {
  const LayerConfig* first[2] = {nullptr, nullptr};
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const LayerConfig& layer = config.layers[i];
    const LayerConfig*& model = first[layer.kind == LayerKind::kFull];
    if (model == nullptr) model = &layer;
    if (layer.head_dim != model->head_dim) {
      return Fail(ErrorCode::kUnsupported, "layer {} has head_dim {}, other layers of its kind {}",
                  i, layer.head_dim, model->head_dim);
    }
  }
  return {};
}

}  // namespace

std::string_view NameOf(ActivationMode mode) {
  return mode == ActivationMode::kBf16 ? "bf16" : "nvfp4";
}

Result<ActivationMode> ActivationModeFromName(std::string_view name) {
  if (name == "bf16") return ActivationMode::kBf16;
  if (name == "nvfp4") return ActivationMode::kNvfp4;
  if (name == "int8") {
    return Fail(ErrorCode::kUnsupported, "activations 'int8' are not there yet: use bf16 or nvfp4");
  }
  return Fail(ErrorCode::kUsage, "unknown activations '{}': expected bf16 or nvfp4", name);
}

Result<Model> Model::Load(const Checkpoint& checkpoint, Backend& backend) {
  FACET_RETURN_IF_ERROR(CheckLayersAgree(checkpoint.config()));
  Result<ModelWeights> weights = ModelWeights::Load(checkpoint);
  if (!weights) return Propagate(std::move(weights), "cannot load " + checkpoint.folder().string());
  return Model(checkpoint.config(), backend, *std::move(weights));
}

}  // namespace facet
