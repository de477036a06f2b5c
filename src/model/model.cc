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

/// A layer's linears with the names that the checkpoint gives them.
struct NamedWeight {
  const char* name;
  const Weight* weight;
};

std::vector<NamedWeight> LinearsOf(const LayerWeights& layer) {
  std::vector<NamedWeight> linears = {
      {"self_attn.q_proj", &layer.query},  {"self_attn.k_proj", &layer.key},
      {"self_attn.o_proj", &layer.output}, {"mlp.gate_proj", &layer.gate},
      {"mlp.up_proj", &layer.up},          {"mlp.down_proj", &layer.down}};
  if (layer.value) linears.push_back({"self_attn.v_proj", &*layer.value});
  return linears;
}

RopeFrequencies FrequenciesOf(const ModelConfig& config) {
  RopeFrequencies frequencies;
  for (const LayerConfig& layer : config.layers) {
    std::vector<double>& of_kind = frequencies[layer.kind == LayerKind::kFull];
    if (of_kind.empty()) of_kind = layer.rope.InverseFrequencies(layer.head_dim);
  }
  return frequencies;
}

}  // namespace

Model::Model(const ModelConfig& config, Backend& backend, ModelWeights weights)
    : config_(&config),
      backend_(&backend),
      weights_(std::move(weights)),
      frequencies_(FrequenciesOf(config)) {}

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

Result<void> Model::CheckMode(ActivationMode mode) const {
  if (mode == ActivationMode::kBf16) return {};
  bool any = false;
  for (size_t i = 0; i < weights_.layers.size(); ++i) {
    for (const auto& [name, weight] : LinearsOf(weights_.layers[i])) {
      const auto* nvfp4 = std::get_if<Nvfp4Matrix>(weight);
      if (nvfp4 == nullptr) continue;
      any = true;
      if (!nvfp4->input_scale) {
        return Fail(
            ErrorCode::kUnsupported,
            "activations nvfp4 need the input scale of layer {}'s {}, and the checkpoint has "
            "none",
            i, name);
      }
    }
  }
  if (!any) {
    return Fail(ErrorCode::kUsage, "activations nvfp4 need NVFP4 weights; these are all BF16");
  }
  return {};
}

Result<Model> Model::Load(const Checkpoint& checkpoint, Backend& backend) {
  FACET_RETURN_IF_ERROR(CheckLayersAgree(checkpoint.config()));
  Result<ModelWeights> weights = ModelWeights::Load(checkpoint, backend);
  if (!weights) return Propagate(std::move(weights), "cannot load " + checkpoint.folder().string());
  return Model(checkpoint.config(), backend, *std::move(weights));
}

}  // namespace facet
