// The decoder layers: attention and MLP, each between two norms, and the layer's scalar.
#include "model/step.h"

namespace facet {
namespace {

GroupInput InputOf(const Step& step, size_t layer, LinearGroup group, Activations x) {
  if (step.observer) step.observer(layer, group, x);
  return {x, step.mode == ActivationMode::kNvfp4 ? step.workspace.Quantized() : nullptr};
}

void Attention(const Step& step, size_t index) {
  const LayerConfig& layer = step.config.layers[index];
  const LayerWeights& weights = step.weights.layers[index];
  const Workspace& workspace = step.workspace;
  const int64_t tokens = step.tokens;
  const int64_t width = layer.heads * layer.head_dim;
  const int64_t kv_width = layer.kv_heads * layer.head_dim;
  const bool full = layer.kind == LayerKind::kFull;
  const AttentionShape shape{layer.heads, layer.kv_heads, layer.head_dim, layer.window};
  const Activations queries = workspace.Queries(tokens, width);
  const Activations attended = workspace.Attended(tokens, width);

  step.backend.QueryKeyValue(
      {.layer = index,
       .shape = shape,
       .query_weight = &weights.query,
       .key_weight = &weights.key,
       .value_weight = weights.value ? &*weights.value : nullptr,
       .query_norm = weights.query_norm,
       .key_norm = weights.key_norm,
       .eps = step.config.rms_norm_eps,
       .angles = workspace.Angles(full, tokens, layer.head_dim / 2),
       .input = InputOf(step, index, LinearGroup::kQueryKeyValue, workspace.LayerInput(tokens)),
       .query = workspace.Query(tokens, width),
       .key = workspace.Key(tokens, kv_width),
       .value = workspace.Value(tokens, kv_width),
       .out = queries});
  step.backend.Attend({.layer = index,
                       .shape = shape,
                       .sees_images_whole = !full,
                       .query = queries,
                       .out = attended});
  step.backend.Project(weights.output, InputOf(step, index, LinearGroup::kOutput, attended),
                       workspace.Projected(tokens));
}

void Mlp(const Step& step, size_t index) {
  const LayerWeights& weights = step.weights.layers[index];
  const Workspace& workspace = step.workspace;
  const Activations gate_up = workspace.GateUp(step.tokens);
  step.backend.GateUp(
      {.gate_weight = &weights.gate,
       .up_weight = &weights.up,
       .input = InputOf(step, index, LinearGroup::kGateUp, workspace.LayerInput(step.tokens)),
       .gate = workspace.Gate(step.tokens),
       .up = workspace.Up(step.tokens),
       .out = gate_up});
  step.backend.Project(weights.down, InputOf(step, index, LinearGroup::kDown, gate_up),
                       workspace.Projected(step.tokens));
}

/// Adds the normed projection to the residual stream and norms that for the next group of linears.
void AddResidual(const Step& step, const uint16_t* weight, float scale, Matrix hidden,
                 const uint16_t* next_weight) {
  step.backend.ResidualNorm({.x = step.workspace.Projected(step.tokens),
                             .weight = weight,
                             .scale = scale,
                             .residual = hidden,
                             .next_weight = next_weight,
                             .next = step.workspace.LayerInput(step.tokens),
                             .eps = step.config.rms_norm_eps});
}

}  // namespace

void RunLayers(const Step& step, Matrix hidden) {
  const std::vector<LayerWeights>& layers = step.weights.layers;
  step.backend.InputNorm(hidden, layers.front().input_norm, step.config.rms_norm_eps,
                         step.workspace.LayerInput(step.tokens));
  for (size_t index = 0; index < layers.size(); ++index) {
    const LayerWeights& weights = layers[index];
    const bool last = index + 1 == layers.size();
    Attention(step, index);
    AddResidual(step, weights.post_attention_norm, 1.0f, hidden, weights.pre_mlp_norm);
    Mlp(step, index);
    AddResidual(step, weights.post_mlp_norm, weights.scalar, hidden,
                last ? nullptr : layers[index + 1].input_norm);
  }
}

}  // namespace facet
