#include "checkpoint/model_config.h"

#include <cmath>

#include "checkpoint/json_reader.h"
#include "checkpoint/layer_config.h"

namespace facet {
namespace {

using nlohmann::json;

constexpr std::string_view kArchitecture = "Gemma4UnifiedForConditionalGeneration";
constexpr std::string_view kModelType = "gemma4_unified";
constexpr std::string_view kActivation = "gelu_pytorch_tanh";

// Limits far above the 12B (262,144 / 3,840 / 15,360), far below what could overflow a product.
constexpr Bounds<int64_t> kVocabularyBounds{1, 1 << 24};
constexpr Bounds<int64_t> kWidthBounds{1, 1 << 20};
constexpr Bounds<int64_t> kPositionBounds{1, 1 << 30};
constexpr Bounds<double> kEpsBounds{1e-12, 1e-2};
constexpr Bounds<double> kSoftcapBounds{1e-3, 1e6};

Result<void> CheckArchitecture(const JsonObject& root) {
  FACET_TRY(const std::string type, root.String("model_type"));
  if (type != kModelType) {
    const bool text_only = type.ends_with("_text");
    return Fail(ErrorCode::kUnsupported, "model_type is \"{}\"{}, facet reads \"{}\"",
                type.substr(0, 60), text_only ? " (a text-only configuration)" : "", kModelType);
  }
  FACET_TRY(const std::vector<std::string> names, root.Strings("architectures", 16));
  if (!names.empty() && names.front() != kArchitecture) {
    return Fail(ErrorCode::kUnsupported, "architectures is [\"{}\"], facet reads \"{}\"",
                names.front().substr(0, 60), kArchitecture);
  }
  return {};
}

tl::unexpected<Error> Lacks(const JsonObject& object, std::string_view key) {
  return Fail(ErrorCode::kUnsupported, "{} is {}, which facet does not support", object.PathOf(key),
              Shown(*object.Get(key)));
}

/// Switches of the model family that change the arithmetic and that facet does not have.
Result<void> CheckSwitches(const JsonObject& text) {
  for (const std::string_view key : {"enable_moe_block", "attention_bias", "use_double_wide_mlp"}) {
    FACET_TRY(const bool on, text.BoolOr(key, false));
    if (on) return Lacks(text, key);
  }
  for (const std::string_view key : {"hidden_size_per_layer_input", "num_kv_shared_layers"}) {
    FACET_TRY(const std::optional<int64_t> number, text.OptionalInt(key, {0, INT64_MAX}));
    if (number.value_or(0) != 0) return Lacks(text, key);
  }
  FACET_TRY(const std::string activation, text.StringOr("hidden_activation", kActivation));
  if (activation != kActivation) return Lacks(text, "hidden_activation");
  return {};
}

Result<void> CheckTied(const JsonObject& object) {
  FACET_TRY(const bool tied, object.BoolOr("tie_word_embeddings", true));
  if (!tied) return Lacks(object, "tie_word_embeddings");
  return {};
}

Result<bool> ParseBidirectional(const JsonObject& text) {
  constexpr std::string_view kKey = "use_bidirectional_attention";
  const json* value = text.Get(kKey);
  if (value == nullptr) return false;
  if (value->is_boolean() && !value->get<bool>()) return false;
  if (!value->is_string() || *value != "vision") return Lacks(text, kKey);
  return true;
}

Result<void> ParseText(const JsonObject& text, ModelConfig& config) {
  FACET_RETURN_IF_ERROR(CheckSwitches(text));
  FACET_TRY(config.vocabulary, text.Int("vocab_size", kVocabularyBounds));
  FACET_TRY(config.hidden, text.Int("hidden_size", kWidthBounds));
  FACET_TRY(config.intermediate, text.Int("intermediate_size", kWidthBounds));
  FACET_TRY(config.rms_norm_eps, text.NumberOr("rms_norm_eps", kEpsBounds, 1e-6));
  FACET_TRY(config.logit_softcap, text.NumberOr("final_logit_softcapping", kSoftcapBounds, 0));
  FACET_TRY(config.max_positions, text.Int("max_position_embeddings", kPositionBounds));
  FACET_TRY(config.bidirectional_images, ParseBidirectional(text));
  FACET_TRY(config.layers, ParseLayers(text, config.warnings));
  return {};
}

/// Sizes that the architecture ties to one another: an absent key is fine, another value is not.
Result<void> CheckEqual(const JsonObject& object, std::string_view key, int64_t expected) {
  FACET_TRY(const std::optional<int64_t> found, object.OptionalInt(key, kWidthBounds));
  if (!found || *found == expected) return {};
  return Fail(ErrorCode::kUnsupported, "{} is {}, expected {}", object.PathOf(key), *found,
              expected);
}

Result<std::optional<VisionConfig>> ParseVision(const JsonObject& root, int64_t hidden) {
  FACET_TRY(const std::optional<JsonObject> found, root.OptionalObject("vision_config"));
  if (!found) return std::optional<VisionConfig>();
  const JsonObject& object = *found;
  VisionConfig vision;
  FACET_TRY(const int64_t patch, object.Int("patch_size", {1, 256}));
  FACET_TRY(const int64_t pooling, object.Int("pooling_kernel_size", {1, 16}));
  vision.patch_side = patch * pooling;
  FACET_RETURN_IF_ERROR(CheckEqual(object, "model_patch_size", vision.patch_side));
  FACET_RETURN_IF_ERROR(CheckEqual(object, "mm_embed_dim", hidden));
  FACET_RETURN_IF_ERROR(CheckEqual(object, "output_proj_dims", hidden));
  FACET_TRY(vision.position_limit, object.Int("mm_posemb_size", kWidthBounds));
  FACET_TRY(vision.rms_norm_eps, object.NumberOr("rms_norm_eps", kEpsBounds, 1e-6));
  return std::optional<VisionConfig>(vision);
}

Result<std::optional<AudioConfig>> ParseAudio(const JsonObject& root) {
  FACET_TRY(const std::optional<JsonObject> found, root.OptionalObject("audio_config"));
  if (!found) return std::optional<AudioConfig>();
  const JsonObject& object = *found;
  AudioConfig audio;
  FACET_TRY(audio.samples_per_token, object.Int("audio_embed_dim", {1, 1 << 16}));
  for (const std::string_view key :
       {"audio_samples_per_token", "hidden_size", "output_proj_dims"}) {
    FACET_RETURN_IF_ERROR(CheckEqual(object, key, audio.samples_per_token));
  }
  FACET_TRY(audio.rms_norm_eps, object.NumberOr("rms_norm_eps", kEpsBounds, 1e-6));
  return std::optional<AudioConfig>(audio);
}

Result<std::optional<int32_t>> TokenId(const JsonObject& object, std::string_view key,
                                       int64_t vocabulary) {
  const json* value = object.Get(key);
  if (value == nullptr) return std::optional<int32_t>();
  if (value->is_array() && !value->empty()) value = &value->front();  // eos_token_id may be a list
  FACET_TRY(const int64_t id, CheckedInt(*value, object.PathOf(key), {0, vocabulary - 1}));
  return std::optional<int32_t>(static_cast<int32_t>(id));
}

Result<SpecialTokenIds> ParseTokens(const JsonObject& root, const JsonObject& text,
                                    int64_t vocabulary) {
  SpecialTokenIds ids;
  FACET_TRY(ids.image, TokenId(root, "image_token_id", vocabulary));
  FACET_TRY(ids.image_begin, TokenId(root, "boi_token_id", vocabulary));
  FACET_TRY(ids.image_end, TokenId(root, "eoi_token_id", vocabulary));
  FACET_TRY(ids.audio, TokenId(root, "audio_token_id", vocabulary));
  FACET_TRY(ids.audio_begin, TokenId(root, "boa_token_id", vocabulary));
  // The published file says "index" for this one id.
  const bool index = root.Has("eoa_token_index");
  FACET_TRY(ids.audio_end, TokenId(root, index ? "eoa_token_index" : "eoa_token_id", vocabulary));
  FACET_TRY(ids.video, TokenId(root, "video_token_id", vocabulary));
  FACET_TRY(ids.bos, TokenId(text, "bos_token_id", vocabulary));
  FACET_TRY(ids.eos, TokenId(text, "eos_token_id", vocabulary));
  FACET_TRY(const std::optional<int32_t> pad, TokenId(text, "pad_token_id", vocabulary));
  ids.pad = pad.value_or(0);
  return ids;
}

}  // namespace

std::vector<double> RopeConfig::InverseFrequencies(int64_t head_dim) const {
  const int64_t pairs = head_dim / 2;
  const auto turning =
      static_cast<int64_t>(partial_rotary_factor * static_cast<double>(head_dim) / 2);
  std::vector<double> frequencies(static_cast<size_t>(pairs), 0.0);
  for (int64_t i = 0; i < std::min(turning, pairs); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
    frequencies[static_cast<size_t>(i)] = std::pow(theta, exponent) / factor;
  }
  return frequencies;
}

Result<ModelConfig> ModelConfig::Parse(std::string_view text) {
  FACET_TRY(const json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  FACET_RETURN_IF_ERROR(CheckArchitecture(root));
  FACET_TRY(const JsonObject text_config, root.Object("text_config"));
  FACET_RETURN_IF_ERROR(CheckTied(root));
  FACET_RETURN_IF_ERROR(CheckTied(text_config));

  ModelConfig config;
  FACET_RETURN_IF_ERROR(ParseText(text_config, config));
  FACET_TRY(config.vision, ParseVision(root, config.hidden));
  FACET_TRY(config.audio, ParseAudio(root));
  FACET_TRY(config.tokens, ParseTokens(root, text_config, config.vocabulary));
  return config;
}

}  // namespace facet
