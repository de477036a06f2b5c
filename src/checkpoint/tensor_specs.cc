#include "checkpoint/tensor_specs.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace facet {
namespace {

constexpr std::string_view kText = "model.language_model.";
constexpr std::string_view kVision = "model.vision_embedder.";

/// Prefixes of the reference implementation's modules, and the hub's. First match wins.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kAliases = {{
    {"model.embed_vision.multimodal_embedder.", "model.embed_vision."},
    {"model.embed_vision.patch_ln1.", "model.vision_embedder.patch_ln1."},
    {"model.embed_vision.patch_dense.", "model.vision_embedder.patch_dense."},
    {"model.embed_vision.patch_ln2.", "model.vision_embedder.patch_ln2."},
    {"model.embed_vision.pos_norm.", "model.vision_embedder.pos_norm."},
    {"model.embed_vision.pos_embedding", "model.vision_embedder.pos_embedding"},
}};

class SpecList {
 public:
  void Keep(TensorKind kind, std::string name, Shape shape) {
    specs_.push_back({.name = std::move(name), .shape = shape, .kind = kind});
  }
  void Linear(const std::string& module, Shape shape, std::string group) {
    specs_.push_back({.name = module + ".weight",
                      .shape = shape,
                      .kind = TensorKind::kLinear,
                      .module = module,
                      .group = std::move(group)});
  }
  std::vector<TensorSpec> Take() { return std::move(specs_); }

 private:
  std::vector<TensorSpec> specs_;
};

void AddAttention(const ModelConfig& config, const LayerConfig& layer, const std::string& prefix,
                  SpecList& list) {
  const int64_t query = layer.heads * layer.head_dim;
  const int64_t key = layer.kv_heads * layer.head_dim;
  const std::string group = prefix + "qkv_proj";
  list.Linear(prefix + "q_proj", {query, config.hidden}, group);
  list.Keep(TensorKind::kNorm, prefix + "q_norm.weight", {layer.head_dim});
  list.Linear(prefix + "k_proj", {key, config.hidden}, group);
  list.Keep(TensorKind::kNorm, prefix + "k_norm.weight", {layer.head_dim});
  if (!layer.key_is_value) list.Linear(prefix + "v_proj", {key, config.hidden}, group);
  list.Linear(prefix + "o_proj", {config.hidden, query}, prefix + "o_proj");
}

void AddLayer(const ModelConfig& config, size_t index, SpecList& list) {
  const std::string prefix = LayerPrefix(index);
  const std::string mlp = prefix + "mlp.";
  const auto norm = [&](std::string_view name) {
    list.Keep(TensorKind::kNorm, fmt::format("{}{}.weight", prefix, name), {config.hidden});
  };
  norm("input_layernorm");
  AddAttention(config, config.layers[index], prefix + "self_attn.", list);
  norm("post_attention_layernorm");
  norm("pre_feedforward_layernorm");
  list.Linear(mlp + "gate_proj", {config.intermediate, config.hidden}, mlp + "gate_up_proj");
  list.Linear(mlp + "up_proj", {config.intermediate, config.hidden}, mlp + "gate_up_proj");
  list.Linear(mlp + "down_proj", {config.hidden, config.intermediate}, mlp + "down_proj");
  norm("post_feedforward_layernorm");
  list.Keep(TensorKind::kLayerScalar, prefix + "layer_scalar", {1});
}

void AddVision(const ModelConfig& config, SpecList& list) {
  const int64_t patch = config.vision->patch_elements();
  const int64_t hidden = config.hidden;
  const auto add = [&](std::string_view name, Shape shape) {
    list.Keep(TensorKind::kVision, fmt::format("{}{}", kVision, name), shape);
  };
  add("patch_ln1.weight", {patch});
  add("patch_ln1.bias", {patch});
  add("patch_dense.weight", {hidden, patch});
  add("patch_dense.bias", {hidden});
  add("patch_ln2.weight", {hidden});
  add("patch_ln2.bias", {hidden});
  add("pos_embedding", {config.vision->position_limit, 2, hidden});
  add("pos_norm.weight", {hidden});
  add("pos_norm.bias", {hidden});
  list.Keep(TensorKind::kVision, "model.embed_vision.embedding_projection.weight",
            {hidden, hidden});
}

}  // namespace

std::string_view NameOf(TensorKind kind) {
  switch (kind) {
    case TensorKind::kLinear:
      return "linear";
    case TensorKind::kEmbedding:
      return "embedding";
    case TensorKind::kNorm:
      return "norm";
    case TensorKind::kLayerScalar:
      return "layer_scalar";
    case TensorKind::kVision:
      return "vision";
    case TensorKind::kAudio:
      return "audio";
  }
  return "unknown";
}

std::string_view KeptReason(TensorKind kind) {
  switch (kind) {
    case TensorKind::kLinear:
      return "";
    case TensorKind::kEmbedding:
      return "a lookup table that is the output layer too; the producers' default list keeps it";
    case TensorKind::kNorm:
      return "a vector, multiplied element by element";
    case TensorKind::kLayerScalar:
      return "a single number";
    case TensorKind::kVision:
      return "images enter the model here once; excluded by the recipe";
    case TensorKind::kAudio:
      return "sound enters the model here once; excluded by the recipe";
  }
  return "";
}

std::string LayerPrefix(size_t layer) { return fmt::format("{}layers.{}.", kText, layer); }

std::vector<TensorSpec> TensorSpecs(const ModelConfig& config) {
  SpecList list;
  list.Keep(TensorKind::kEmbedding, fmt::format("{}embed_tokens.weight", kText),
            {config.vocabulary, config.hidden});
  if (config.vision) AddVision(config, list);
  if (config.audio) {
    list.Keep(TensorKind::kAudio, "model.embed_audio.embedding_projection.weight",
              {config.hidden, config.audio->samples_per_token});
  }
  for (size_t i = 0; i < config.layers.size(); ++i) AddLayer(config, i, list);
  list.Keep(TensorKind::kNorm, fmt::format("{}norm.weight", kText), {config.hidden});
  return list.Take();
}

std::string HubName(std::string_view name) {
  for (const auto& [alias, hub] : kAliases) {
    if (name.starts_with(alias)) return fmt::format("{}{}", hub, name.substr(alias.size()));
  }
  return std::string(name);
}

bool IsVestigial(std::string_view hub_name) {
  return hub_name.starts_with("model.embed_vision.embedding.") ||
         hub_name.starts_with("model.embed_audio.embedding.");
}

}  // namespace facet
