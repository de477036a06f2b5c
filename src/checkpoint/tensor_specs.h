// THE list of tensors that a checkpoint of the model has, from its configuration.
// docs/checkpoint.md, "Tensors".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/model_config.h"
#include "tensor/shape.h"

namespace facet {

enum class TensorKind {
  kLinear,  ///< a projection of a decoder layer: quantized to NVFP4
  kEmbedding,
  kNorm,
  kLayerScalar,
  kVision,
  kAudio
};

/// "linear", "embedding", … as reports spell it.
std::string_view NameOf(TensorKind kind);

/// Why tensors of a kind stay BF16; empty for linears.
std::string_view KeptReason(TensorKind kind);

struct TensorSpec {
  std::string name = {};  ///< on the hub, of the BF16 tensor: "model.language_model.norm.weight"
  Shape shape = {};       ///< of the BF16 tensor; linears [out_features, in_features]
  TensorKind kind = TensorKind::kLinear;
  /// Linears only: the name without ".weight", and the group of linears that read the same input
  /// and so share their scales: {q,k,v} "….self_attn.qkv_proj", {gate,up} "….mlp.gate_up_proj";
  /// o_proj and down_proj are alone in a group of their own name.
  std::string module = {};
  std::string group = {};
};

/// Every tensor, in the order of the forward pass.
std::vector<TensorSpec> TensorSpecs(const ModelConfig& config);

/// "model.language_model.layers.7."
std::string LayerPrefix(size_t layer);

/// The hub's name for a tensor that some exports spell as the reference implementation's modules;
/// other names come back as they are.
std::string HubName(std::string_view name);

/// Left-overs that some exports contain and that no model uses ("model.embed_vision.embedding.…").
bool IsVestigial(std::string_view hub_name);

}  // namespace facet
