#include "checkpoint/layer_config.h"

#include <array>

namespace facet {
namespace {

using nlohmann::json;

constexpr Bounds<int64_t> kLayerBounds{1, 1024};
constexpr Bounds<int64_t> kHeadBounds{1, 1024};
constexpr Bounds<int64_t> kHeadDimBounds{2, 4096};
constexpr Bounds<int64_t> kWindowBounds{1, 1 << 30};
constexpr Bounds<double> kThetaBounds{1, 1e12};
constexpr Bounds<double> kFactorBounds{1e-3, 1e6};

/// What the layers of one kind have in common.
struct KindDefaults {
  LayerConfig sliding;
  LayerConfig full;
};

Result<RopeConfig> ParseRope(const JsonObject& parameters, std::string_view kind) {
  FACET_TRY(const JsonObject object, parameters.Object(kind));
  FACET_TRY(const std::string type, object.String("rope_type"));
  RopeConfig rope;
  FACET_TRY(rope.theta, object.Number("rope_theta", kThetaBounds));
  if (type == "proportional") {
    FACET_TRY(rope.partial_rotary_factor, object.Number("partial_rotary_factor", {0, 1}));
    FACET_TRY(rope.factor, object.NumberOr("factor", kFactorBounds, 1));
    return rope;
  }
  if (type != "default") {
    return Fail(ErrorCode::kUnsupported, "{} is {}, facet knows \"default\" and \"proportional\"",
                object.PathOf("rope_type"), Shown(type));
  }
  for (const std::string_view key : {"partial_rotary_factor", "factor"}) {
    FACET_TRY(const double value, object.NumberOr(key, {0, 1e6}, 1));
    if (value != 1) {
      return Fail(ErrorCode::kUnsupported, "{} is {}, which rope_type \"default\" does not have",
                  object.PathOf(key), value);
    }
  }
  return rope;
}

Result<void> ParseRopes(const JsonObject& text, KindDefaults& kinds,
                        std::vector<std::string>& warnings) {
  FACET_TRY(const std::optional<JsonObject> parameters, text.OptionalObject("rope_parameters"));
  if (!parameters) {
    // The reference implementation's defaults for this architecture.
    kinds.sliding.rope = {.theta = 1e4};
    kinds.full.rope = {.theta = 1e6, .partial_rotary_factor = 0.25};
    warnings.push_back(text.PathOf("rope_parameters") +
                       " is missing: the architecture's defaults are used (sliding 1e4; full 1e6, "
                       "proportional, 0.25)");
    return {};
  }
  FACET_TRY(kinds.sliding.rope, ParseRope(*parameters, "sliding_attention"));
  FACET_TRY(kinds.full.rope, ParseRope(*parameters, "full_attention"));
  return {};
}

Result<KindDefaults> ParseKinds(const JsonObject& text, std::vector<std::string>& warnings) {
  KindDefaults kinds;
  LayerConfig& sliding = kinds.sliding;
  FACET_TRY(sliding.heads, text.Int("num_attention_heads", kHeadBounds));
  FACET_TRY(sliding.kv_heads, text.Int("num_key_value_heads", kHeadBounds));
  FACET_TRY(sliding.head_dim, text.Int("head_dim", kHeadDimBounds));
  FACET_TRY(sliding.window, text.Int("sliding_window", kWindowBounds));
  LayerConfig& full = kinds.full;
  full = sliding;
  full.kind = LayerKind::kFull;
  full.window = 0;
  FACET_TRY(full.key_is_value, text.BoolOr("attention_k_eq_v", false));
  FACET_TRY(const auto global_heads, text.OptionalInt("num_global_key_value_heads", kHeadBounds));
  FACET_TRY(const auto global_dim, text.OptionalInt("global_head_dim", kHeadDimBounds));
  full.kv_heads = global_heads.value_or(full.kv_heads);
  full.head_dim = global_dim.value_or(full.head_dim);
  FACET_RETURN_IF_ERROR(ParseRopes(text, kinds, warnings));
  return kinds;
}

Result<std::vector<LayerConfig>> LayersOfTypes(const JsonObject& text, const KindDefaults& kinds) {
  FACET_TRY(const int64_t count, text.Int("num_hidden_layers", kLayerBounds));
  if (!text.Has("layer_types")) {
    return Fail(ErrorCode::kInvalidData, "{} is missing", text.PathOf("layer_types"));
  }
  FACET_TRY(const std::vector<std::string> types,
            text.Strings("layer_types", static_cast<size_t>(kLayerBounds.high)));
  if (static_cast<int64_t>(types.size()) != count) {
    return Fail(ErrorCode::kInvalidData, "{} has {} entries, but num_hidden_layers is {}",
                text.PathOf("layer_types"), types.size(), count);
  }
  std::vector<LayerConfig> layers;
  for (const std::string& type : types) {
    if (type != "sliding_attention" && type != "full_attention") {
      return Fail(ErrorCode::kUnsupported, "{} holds {}", text.PathOf("layer_types"), Shown(type));
    }
    layers.push_back(type == "full_attention" ? kinds.full : kinds.sliding);
  }
  return layers;
}

/// An index of per_layer_config: "05" or "5".
Result<size_t> LayerIndex(const std::string& key, size_t layers, const std::string& path) {
  size_t index = 0;
  const bool digits =
      !key.empty() && key.size() <= 4 && key.find_first_not_of("0123456789") == std::string::npos;
  if (digits) index = static_cast<size_t>(std::stoi(key));
  if (!digits || index >= layers) {
    return Fail(ErrorCode::kInvalidData, "{} has key {}, expected a layer's index below {}", path,
                Shown(key), layers);
  }
  return index;
}

/// Sets one size of a layer, if the entry has it; the entry is more specific than the global key.
Result<void> Override(const JsonObject& entry, std::string_view key, Bounds<int64_t> bounds,
                      int64_t& size) {
  FACET_TRY(const std::optional<int64_t> value, entry.OptionalInt(key, bounds));
  size = value.value_or(size);
  return {};
}

Result<void> ApplyPerLayer(const JsonObject& text, std::vector<LayerConfig>& layers) {
  FACET_TRY(const std::optional<JsonObject> map, text.OptionalObject("per_layer_config"));
  if (!map) return {};
  for (const auto& [key, value] : map->value().items()) {
    FACET_TRY(const size_t index, LayerIndex(key, layers.size(), text.PathOf("per_layer_config")));
    FACET_TRY(const JsonObject entry, map->Object(key));
    for (const auto& [name, ignored] : value.items()) {
      if (name != "head_dim" && name != "num_key_value_heads") {
        return Fail(ErrorCode::kUnsupported, "{} is not a size that facet can vary by layer",
                    entry.PathOf(name.substr(0, 60)));
      }
    }
    FACET_RETURN_IF_ERROR(Override(entry, "head_dim", kHeadDimBounds, layers[index].head_dim));
    FACET_RETURN_IF_ERROR(
        Override(entry, "num_key_value_heads", kHeadBounds, layers[index].kv_heads));
  }
  return {};
}

Result<void> CheckHeads(const std::vector<LayerConfig>& layers, const JsonObject& text) {
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerConfig& layer = layers[i];
    if (layer.heads % layer.kv_heads != 0) {
      return Fail(ErrorCode::kInvalidData,
                  "{}: layer {} has {} query heads, not a multiple of its {} key/value heads",
                  text.PathOf("num_attention_heads"), i, layer.heads, layer.kv_heads);
    }
    if (layer.head_dim % 2 != 0) {
      return Fail(ErrorCode::kInvalidData, "{}: layer {} has an odd head size, {}",
                  text.PathOf("head_dim"), i, layer.head_dim);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<LayerConfig>> ParseLayers(const JsonObject& text,
                                             std::vector<std::string>& warnings) {
  FACET_TRY(const KindDefaults kinds, ParseKinds(text, warnings));
  FACET_TRY(std::vector<LayerConfig> layers, LayersOfTypes(text, kinds));
  FACET_RETURN_IF_ERROR(ApplyPerLayer(text, layers));
  FACET_RETURN_IF_ERROR(CheckHeads(layers, text));
  return layers;
}

}  // namespace facet
