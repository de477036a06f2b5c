// One decoder layer: attention and MLP, each between two norms, and the layer's scalar.
#include <optional>

#include "model/step.h"

namespace facet {
namespace {

/// Applies linears that read the same input, quantizing it first where mode and weight ask for it.
class LinearInput {
 public:
  LinearInput(const Step& step, size_t layer, LinearGroup group, ConstMatrix input)
      : step_(step), input_(input) {
    if (step.observer) step.observer(layer, group, input);
  }

  void Apply(const Weight& weight, Matrix out) {
    const auto* nvfp4 = std::get_if<Nvfp4Matrix>(&weight);
    if (step_.mode == ActivationMode::kNvfp4 && nvfp4 != nullptr && nvfp4->input_scale) {
      step_.backend.LinearW4A4(*nvfp4, Quantized(*nvfp4->input_scale), out);
    } else {
      step_.backend.Linear(weight, input_, out);
    }
  }

 private:
  /// The input in NVFP4; made once while the scale stays the same, as it does within a group.
  Nvfp4Matrix Quantized(float input_scale) {
    const Workspace& workspace = step_.workspace;
    if (quantized_with_ != input_scale) {
      step_.backend.QuantizeActivations(input_, input_scale, workspace.Codes(),
                                        workspace.BlockScales());
      quantized_with_ = input_scale;
    }
    return {input_.rows, input_.cols, workspace.Codes(), workspace.BlockScales(),
            input_scale, std::nullopt};
  }

  const Step& step_;
  ConstMatrix input_;
  std::optional<float> quantized_with_;
};

/// Rows of heads as rows of one head each, for the norms over head_dim.
Matrix PerHead(Matrix x, int64_t head_dim) {
  return {x.data, x.rows * x.cols / head_dim, head_dim};
}

/// Query, key and value of every token: projected, normed, turned. Values of layers without v_proj
/// are the raw key projection, taken before the key's norm and rotation.
void ProjectQueryKeyValue(const Step& step, size_t index, ConstMatrix x, Matrix query, Matrix key,
                          Matrix value) {
  const LayerConfig& layer = step.config.layers[index];
  const LayerWeights& weights = step.weights.layers[index];
  const double eps = step.config.rms_norm_eps;
  Backend& backend = step.backend;
  LinearInput input(step, index, LinearGroup::kQueryKeyValue, x);
  input.Apply(weights.query, query);
  input.Apply(weights.key, key);
  if (weights.value) input.Apply(*weights.value, value);

  const bool full = layer.kind == LayerKind::kFull;
  const int64_t half = layer.head_dim / 2;
  const RopeAngles angles{step.workspace.Cosines(full, step.tokens, half),
                          step.workspace.Sines(full, step.tokens, half)};
  const Matrix raw_value = PerHead(weights.value ? value : key, layer.head_dim);
  backend.RmsNorm(raw_value, nullptr, eps, PerHead(value, layer.head_dim));
  backend.RmsNorm(PerHead(query, layer.head_dim), weights.query_norm, eps,
                  PerHead(query, layer.head_dim));
  backend.RmsNorm(PerHead(key, layer.head_dim), weights.key_norm, eps,
                  PerHead(key, layer.head_dim));
  backend.Rope(query, angles);
  backend.Rope(key, angles);
}

/// Appends the new keys and values to every chunk's cache and attends over it.
void Attend(const Step& step, size_t index, ConstMatrix query, ConstMatrix key, ConstMatrix value,
            Matrix out) {
  const LayerConfig& layer = step.config.layers[index];
  const int64_t* visible_end = step.workspace.VisibleEnd(layer.kind == LayerKind::kFull);
  const int64_t capacity = step.cache.capacity(index);
  std::vector<AttentionSequence> sequences;
  int64_t row = 0;
  for (const Chunk& chunk : step.batch) {
    const auto count = static_cast<int64_t>(chunk.tokens.size());
    const int64_t position = step.cache.length(chunk.slot);
    void* keys = step.cache.keys(index, chunk.slot);
    void* values = step.cache.values(index, chunk.slot);
    step.backend.AppendCache(key.Rows(row, count), position, capacity, keys);
    step.backend.AppendCache(value.Rows(row, count), position, capacity, values);
    sequences.push_back({.first_row = row,
                         .rows = count,
                         .first_position = position,
                         .keys = keys,
                         .values = values,
                         .capacity = capacity,
                         .visible_end = visible_end + row});
    row += count;
  }
  const AttentionShape shape{layer.heads, layer.kv_heads, layer.head_dim, layer.window};
  step.backend.Attention(shape, sequences, query, out);
}

void AttentionBlock(const Step& step, size_t index, Matrix hidden) {
  const LayerConfig& layer = step.config.layers[index];
  const LayerWeights& weights = step.weights.layers[index];
  const Workspace& workspace = step.workspace;
  const double eps = step.config.rms_norm_eps;
  const int64_t kv_width = layer.kv_heads * layer.head_dim;
  const Matrix normed = workspace.Normed(step.tokens);
  const Matrix query = workspace.Query(step.tokens, layer.heads * layer.head_dim);
  const Matrix key = workspace.Key(step.tokens, kv_width);
  const Matrix value = workspace.Value(step.tokens, kv_width);
  const Matrix attended = workspace.Attended(step.tokens, query.cols);
  const Matrix projected = workspace.Projected(step.tokens);

  step.backend.RmsNorm(hidden, weights.input_norm, eps, normed);
  ProjectQueryKeyValue(step, index, normed, query, key, value);
  Attend(step, index, query, key, value, attended);
  LinearInput(step, index, LinearGroup::kOutput, attended).Apply(weights.output, projected);
  step.backend.RmsNorm(projected, weights.post_attention_norm, eps, projected);
  step.backend.Residual(projected, 1.0f, hidden);
}

void MlpBlock(const Step& step, size_t index, Matrix hidden) {
  const LayerWeights& weights = step.weights.layers[index];
  const Workspace& workspace = step.workspace;
  const double eps = step.config.rms_norm_eps;
  const Matrix normed = workspace.Normed(step.tokens);
  const Matrix gate = workspace.Gate(step.tokens);
  const Matrix up = workspace.Up(step.tokens);
  const Matrix projected = workspace.Projected(step.tokens);

  step.backend.RmsNorm(hidden, weights.pre_mlp_norm, eps, normed);
  LinearInput input(step, index, LinearGroup::kGateUp, normed);
  input.Apply(weights.gate, gate);
  input.Apply(weights.up, up);
  step.backend.GeluMul(gate, up, gate);
  LinearInput(step, index, LinearGroup::kDown, gate).Apply(weights.down, projected);
  step.backend.RmsNorm(projected, weights.post_mlp_norm, eps, projected);
  step.backend.Residual(projected, weights.scalar, hidden);
}

}  // namespace

void RunLayer(const Step& step, size_t index, Matrix hidden) {
  AttentionBlock(step, index, hidden);
  MlpBlock(step, index, hidden);
}

}  // namespace facet
