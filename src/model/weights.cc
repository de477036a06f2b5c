#include "model/weights.h"

#include "tensor/bf16.h"

namespace facet {
namespace {

/// Loads vectors and linears below one name prefix.
class Scope {
 public:
  Scope(const Checkpoint& checkpoint, std::string prefix)
      : checkpoint_(checkpoint), prefix_(std::move(prefix)) {}

  Result<void> Vector(std::string_view name, int64_t length, const uint16_t** out) const {
    FACET_TRY(*out, checkpoint_.Bf16(prefix_ + std::string(name), Shape{length}));
    return {};
  }

  Result<void> Linear(std::string_view name, int64_t rows, int64_t cols, Weight* out) const {
    FACET_TRY(*out, checkpoint_.Linear(prefix_ + std::string(name), rows, cols));
    return {};
  }

 private:
  const Checkpoint& checkpoint_;
  std::string prefix_;
};

Result<LayerWeights> LoadLayer(const Checkpoint& checkpoint, size_t index) {
  const ModelConfig& config = checkpoint.config();
  const LayerConfig& layer = config.layers[index];
  const Scope scope(checkpoint, fmt::format("model.language_model.layers.{}.", index));
  const int64_t heads = layer.heads * layer.head_dim;
  const int64_t kv_heads = layer.kv_heads * layer.head_dim;
  LayerWeights out;
  FACET_RETURN_IF_ERROR(scope.Vector("input_layernorm.weight", config.hidden, &out.input_norm));
  FACET_RETURN_IF_ERROR(
      scope.Vector("post_attention_layernorm.weight", config.hidden, &out.post_attention_norm));
  FACET_RETURN_IF_ERROR(
      scope.Vector("pre_feedforward_layernorm.weight", config.hidden, &out.pre_mlp_norm));
  FACET_RETURN_IF_ERROR(
      scope.Vector("post_feedforward_layernorm.weight", config.hidden, &out.post_mlp_norm));
  FACET_RETURN_IF_ERROR(scope.Vector("self_attn.q_norm.weight", layer.head_dim, &out.query_norm));
  FACET_RETURN_IF_ERROR(scope.Vector("self_attn.k_norm.weight", layer.head_dim, &out.key_norm));
  FACET_RETURN_IF_ERROR(scope.Linear("self_attn.q_proj", heads, config.hidden, &out.query));
  FACET_RETURN_IF_ERROR(scope.Linear("self_attn.k_proj", kv_heads, config.hidden, &out.key));
  if (!layer.key_is_value) {
    FACET_RETURN_IF_ERROR(
        scope.Linear("self_attn.v_proj", kv_heads, config.hidden, &out.value.emplace()));
  }
  FACET_RETURN_IF_ERROR(scope.Linear("self_attn.o_proj", config.hidden, heads, &out.output));
  FACET_RETURN_IF_ERROR(
      scope.Linear("mlp.gate_proj", config.intermediate, config.hidden, &out.gate));
  FACET_RETURN_IF_ERROR(scope.Linear("mlp.up_proj", config.intermediate, config.hidden, &out.up));
  FACET_RETURN_IF_ERROR(
      scope.Linear("mlp.down_proj", config.hidden, config.intermediate, &out.down));
  const uint16_t* scalar = nullptr;
  FACET_RETURN_IF_ERROR(scope.Vector("layer_scalar", 1, &scalar));
  out.scalar = FloatFromBf16(*scalar);
  return out;
}

Result<VisionWeights> LoadVision(const Checkpoint& checkpoint, const VisionConfig& vision) {
  const int64_t hidden = checkpoint.config().hidden;
  const int64_t patch = vision.patch_elements();
  const Scope scope(checkpoint, "model.vision_embedder.");
  VisionWeights out;
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln1.weight", patch, &out.norm1));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln1.bias", patch, &out.norm1_bias));
  FACET_RETURN_IF_ERROR(scope.Linear("patch_dense", hidden, patch, &out.dense));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_dense.bias", hidden, &out.dense_bias));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln2.weight", hidden, &out.norm2));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln2.bias", hidden, &out.norm2_bias));
  FACET_TRY(out.positions, checkpoint.Bf16("model.vision_embedder.pos_embedding",
                                           Shape{vision.position_limit, 2, hidden}));
  FACET_RETURN_IF_ERROR(scope.Vector("pos_norm.weight", hidden, &out.position_norm));
  FACET_RETURN_IF_ERROR(scope.Vector("pos_norm.bias", hidden, &out.position_norm_bias));
  FACET_TRY(out.projection,
            checkpoint.Linear("model.embed_vision.embedding_projection", hidden, hidden));
  return out;
}

}  // namespace

Result<ModelWeights> ModelWeights::Load(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  ModelWeights out;
  FACET_TRY(const uint16_t* embedding, checkpoint.Bf16("model.language_model.embed_tokens.weight",
                                                       Shape{config.vocabulary, config.hidden}));
  out.embedding = {config.vocabulary, config.hidden, embedding};
  FACET_TRY(out.final_norm,
            checkpoint.Bf16("model.language_model.norm.weight", Shape{config.hidden}));
  for (size_t i = 0; i < config.layers.size(); ++i) {
    FACET_TRY(LayerWeights layer, LoadLayer(checkpoint, i));
    out.layers.push_back(layer);
  }
  if (config.vision) {
    FACET_TRY(out.vision, LoadVision(checkpoint, *config.vision));
  }
  if (config.audio) {
    FACET_TRY(out.audio_projection,
              checkpoint.Linear("model.embed_audio.embedding_projection", config.hidden,
                                config.audio->samples_per_token));
  }
  return out;
}

}  // namespace facet
