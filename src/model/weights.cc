#include "model/weights.h"

#include "tensor/bf16.h"

namespace facet {
namespace {

/// Where weights come from, and where they go.
struct Loader {
  const Checkpoint& checkpoint;
  Backend& backend;
  std::vector<Buffer>& memory;
};

/// Loads vectors, tables and linears below one name prefix.
class Scope {
 public:
  Scope(const Loader& loader, std::string prefix) : loader_(loader), prefix_(std::move(prefix)) {}

  Result<void> Table(std::string_view name, const Shape& shape, const uint16_t** out) const {
    FACET_TRY(const uint16_t* values, loader_.checkpoint.Bf16(prefix_ + std::string(name), shape));
    const std::span table(values, static_cast<size_t>(shape.elements()));
    *out = loader_.backend.Place(table, loader_.memory);
    return {};
  }

  Result<void> Vector(std::string_view name, int64_t length, const uint16_t** out) const {
    return Table(name, Shape{length}, out);
  }

  Result<void> Linear(std::string_view name, int64_t rows, int64_t cols, Weight* out) const {
    FACET_TRY(const Weight weight,
              loader_.checkpoint.Linear(prefix_ + std::string(name), rows, cols));
    *out = loader_.backend.Place(weight, loader_.memory);
    return {};
  }

  /// Linears that one operation multiplies by the same input.
  struct GroupMember {
    std::string_view name;
    int64_t rows = 0;
    Weight* out = nullptr;
  };
  Result<void> Group(LinearGroup group, int64_t cols, std::span<const GroupMember> members) const {
    std::vector<Weight> weights;
    for (const GroupMember& member : members) {
      FACET_TRY(weights.emplace_back(),
                loader_.checkpoint.Linear(prefix_ + std::string(member.name), member.rows, cols));
    }
    loader_.backend.PlaceGroup(group, weights, loader_.memory);
    for (size_t i = 0; i < members.size(); ++i) *members[i].out = weights[i];
    return {};
  }

 private:
  const Loader& loader_;
  std::string prefix_;
};

Result<float> LoadScalar(const Checkpoint& checkpoint, size_t layer) {
  FACET_TRY(
      const uint16_t* scalar,
      checkpoint.Bf16(fmt::format("model.language_model.layers.{}.layer_scalar", layer), Shape{1}));
  return FloatFromBf16(*scalar);
}

Result<Bf16Matrix> LoadEmbedding(const Loader& loader) {
  const ModelConfig& config = loader.checkpoint.config();
  FACET_TRY(const uint16_t* values,
            loader.checkpoint.Bf16("model.language_model.embed_tokens.weight",
                                   Shape{config.vocabulary, config.hidden}));
  const Weight table = Bf16Matrix{config.vocabulary, config.hidden, values};
  return std::get<Bf16Matrix>(loader.backend.Place(table, loader.memory));
}

Result<LayerWeights> LoadLayer(const Loader& loader, size_t index) {
  const ModelConfig& config = loader.checkpoint.config();
  const LayerConfig& layer = config.layers[index];
  const Scope scope(loader, fmt::format("model.language_model.layers.{}.", index));
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
  std::vector<Scope::GroupMember> projections = {{"self_attn.q_proj", heads, &out.query},
                                                 {"self_attn.k_proj", kv_heads, &out.key}};
  if (!layer.key_is_value) {
    projections.push_back({"self_attn.v_proj", kv_heads, &out.value.emplace()});
  }
  FACET_RETURN_IF_ERROR(scope.Group(LinearGroup::kQueryKeyValue, config.hidden, projections));
  FACET_RETURN_IF_ERROR(scope.Linear("self_attn.o_proj", config.hidden, heads, &out.output));
  const Scope::GroupMember mlp[] = {{"mlp.gate_proj", config.intermediate, &out.gate},
                                    {"mlp.up_proj", config.intermediate, &out.up}};
  FACET_RETURN_IF_ERROR(scope.Group(LinearGroup::kGateUp, config.hidden, mlp));
  FACET_RETURN_IF_ERROR(
      scope.Linear("mlp.down_proj", config.hidden, config.intermediate, &out.down));
  FACET_TRY(out.scalar, LoadScalar(loader.checkpoint, index));
  return out;
}

Result<VisionWeights> LoadVision(const Loader& loader, const VisionConfig& vision) {
  const int64_t hidden = loader.checkpoint.config().hidden;
  const int64_t patch = vision.patch_elements();
  const Scope scope(loader, "model.vision_embedder.");
  VisionWeights out;
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln1.weight", patch, &out.norm1));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln1.bias", patch, &out.norm1_bias));
  FACET_RETURN_IF_ERROR(scope.Linear("patch_dense", hidden, patch, &out.dense));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_dense.bias", hidden, &out.dense_bias));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln2.weight", hidden, &out.norm2));
  FACET_RETURN_IF_ERROR(scope.Vector("patch_ln2.bias", hidden, &out.norm2_bias));
  FACET_RETURN_IF_ERROR(
      scope.Table("pos_embedding", Shape{vision.position_limit, 2, hidden}, &out.positions));
  FACET_RETURN_IF_ERROR(scope.Vector("pos_norm.weight", hidden, &out.position_norm));
  FACET_RETURN_IF_ERROR(scope.Vector("pos_norm.bias", hidden, &out.position_norm_bias));
  FACET_RETURN_IF_ERROR(Scope(loader, "model.embed_vision.")
                            .Linear("embedding_projection", hidden, hidden, &out.projection));
  return out;
}

}  // namespace

Result<ModelWeights> ModelWeights::Load(const Checkpoint& checkpoint, Backend& backend) {
  const ModelConfig& config = checkpoint.config();
  ModelWeights out;
  const Loader loader{checkpoint, backend, out.memory};
  const Scope scope(loader, "model.language_model.");
  FACET_TRY(out.embedding, LoadEmbedding(loader));
  FACET_RETURN_IF_ERROR(scope.Vector("norm.weight", config.hidden, &out.final_norm));
  for (size_t i = 0; i < config.layers.size(); ++i) {
    FACET_TRY(LayerWeights layer, LoadLayer(loader, i));
    out.layers.push_back(layer);
  }
  if (config.vision) {
    FACET_TRY(out.vision, LoadVision(loader, *config.vision));
  }
  if (config.audio) {
    FACET_RETURN_IF_ERROR(Scope(loader, "model.embed_audio.")
                              .Linear("embedding_projection", config.hidden,
                                      config.audio->samples_per_token,
                                      &out.audio_projection.emplace()));
  }
  return out;
}

}  // namespace facet
