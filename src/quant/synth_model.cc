#include "quant/synth_model.h"

#include <array>

#include <nlohmann/json.hpp>

namespace facet {
namespace {

using nlohmann::ordered_json;

constexpr int kIndent = 2;           // as transformers writes its files
constexpr int64_t kLayerPeriod = 6;  // five sliding layers, then a full one

/// What differs between the models.
struct Sizes {
  int32_t vocabulary;
  int64_t hidden;
  int64_t intermediate;
  int64_t layers;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t full_head_dim;
  int64_t window;
  int64_t max_positions;
  int64_t position_table;  ///< rows of the image position table
  int64_t image_tokens;    ///< soft tokens of an image at most
};

constexpr Sizes k12B = {.vocabulary = 262144,
                        .hidden = 3840,
                        .intermediate = 15360,
                        .layers = 48,
                        .heads = 16,
                        .kv_heads = 8,
                        .head_dim = 256,
                        .full_head_dim = 512,
                        .window = 1024,
                        .max_positions = 262144,
                        .position_table = 1120,
                        .image_tokens = 280};

constexpr Sizes kTiny = {.vocabulary = 4096,
                         .hidden = 192,
                         .intermediate = 576,
                         .layers = 12,
                         .heads = 4,
                         .kv_heads = 2,
                         .head_dim = 64,
                         .full_head_dim = 128,
                         .window = 64,
                         .max_positions = 4096,
                         .position_table = 128,
                         .image_tokens = 70};

/// A token with a meaning, and its id in each model.
struct NamedToken {
  const char* piece;
  int32_t id_12b;
  int32_t id_tiny;
};

constexpr std::array<NamedToken, 24> kTokens = {{
    {"<pad>", 0, 0},
    {"<eos>", 1, 1},
    {"<bos>", 2, 2},
    {"<unk>", 3, 3},
    {"<mask>", 4, 4},
    {"<|tool>", 46, 5},
    {"<tool|>", 47, 6},
    {"<|tool_call>", 48, 7},
    {"<tool_call|>", 49, 8},
    {"<|tool_response>", 50, 9},
    {"<tool_response|>", 51, 10},
    {"<|\"|>", 52, 11},
    {"<|think|>", 98, 12},
    {"<|channel>", 100, 13},
    {"<channel|>", 101, 14},
    {"<|turn>", 105, 15},
    {"<turn|>", 106, 16},
    {"<|image>", 255999, 17},
    {"<|image|>", 258880, 18},
    {"<image|>", 258882, 19},
    {"<|audio>", 256000, 20},
    {"<|audio|>", 258881, 21},
    {"<audio|>", 258883, 22},
    {"<|video|>", 258884, 23},
}};

SynthVocabulary Vocabulary12B() {
  SynthVocabulary vocabulary{
      .size = k12B.vocabulary,
      .first_byte = 238,
      .special = {},
      .plain = {{107, "\n"}, {108, "\n\n"}, {109, "\n\n\n"}, {236743, "\xE2\x96\x81"}}};
  for (const NamedToken& token : kTokens) vocabulary.special.push_back({token.id_12b, token.piece});
  return vocabulary;
}

SynthVocabulary VocabularyTiny() {
  SynthVocabulary vocabulary{
      .size = kTiny.vocabulary, .first_byte = 24, .special = {}, .plain = {}};
  for (const NamedToken& token : kTokens) {
    vocabulary.special.push_back({token.id_tiny, token.piece});
  }
  return vocabulary;
}

int32_t IdOf(const SynthVocabulary& vocabulary, std::string_view piece) {
  for (const SynthPiece& special : vocabulary.special) {
    if (special.piece == piece) return special.id;
  }
  return -1;  // not reached: every name below stands in kTokens
}

ordered_json TextConfig(const Sizes& sizes, int64_t layers, const SynthVocabulary& vocabulary) {
  ordered_json types = ordered_json::array();
  for (int64_t i = 0; i < layers; ++i) {
    const bool full = i % kLayerPeriod == kLayerPeriod - 1;
    types.push_back(full ? "full_attention" : "sliding_attention");
  }
  const ordered_json rope = {
      {"full_attention",
       {{"partial_rotary_factor", 0.25}, {"rope_theta", 1000000.0}, {"rope_type", "proportional"}}},
      {"sliding_attention", {{"rope_theta", 10000.0}, {"rope_type", "default"}}}};
  return {{"model_type", "gemma4_unified_text"},
          {"vocab_size", sizes.vocabulary},
          {"hidden_size", sizes.hidden},
          {"intermediate_size", sizes.intermediate},
          {"num_hidden_layers", layers},
          {"layer_types", types},
          {"num_attention_heads", sizes.heads},
          {"num_key_value_heads", sizes.kv_heads},
          {"num_global_key_value_heads", 1},
          {"head_dim", sizes.head_dim},
          {"global_head_dim", sizes.full_head_dim},
          {"attention_k_eq_v", true},
          {"num_kv_shared_layers", 0},
          {"sliding_window", sizes.window},
          {"use_bidirectional_attention", "vision"},
          {"rope_parameters", rope},
          {"max_position_embeddings", sizes.max_positions},
          {"rms_norm_eps", 1e-06},
          {"hidden_activation", "gelu_pytorch_tanh"},
          {"final_logit_softcapping", 30.0},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"hidden_size_per_layer_input", 0},
          {"vocab_size_per_layer_input", sizes.vocabulary},
          {"enable_moe_block", false},
          {"num_experts", nullptr},
          {"top_k_experts", nullptr},
          {"moe_intermediate_size", nullptr},
          {"use_double_wide_mlp", false},
          {"tie_word_embeddings", true},
          {"pad_token_id", IdOf(vocabulary, "<pad>")},
          {"eos_token_id", IdOf(vocabulary, "<eos>")},
          {"bos_token_id", IdOf(vocabulary, "<bos>")}};
}

ordered_json VisionConfigJson(const Sizes& sizes) {
  return {{"model_type", "gemma4_unified_vision"},
          {"patch_size", 16},
          {"pooling_kernel_size", 3},
          {"model_patch_size", 48},
          {"mm_embed_dim", sizes.hidden},
          {"output_proj_dims", sizes.hidden},
          {"mm_posemb_size", sizes.position_table},
          {"num_soft_tokens", sizes.image_tokens},
          {"rms_norm_eps", 1e-06}};
}

ordered_json AudioConfigJson() {
  return {{"model_type", "gemma4_unified_audio"},
          {"audio_embed_dim", 640},
          {"audio_samples_per_token", 640},
          {"hidden_size", 640},
          {"output_proj_dims", 640},
          {"rms_norm_eps", 1e-06}};
}

ordered_json Config(const Sizes& sizes, int64_t layers, const SynthVocabulary& vocabulary) {
  return {{"architectures", {"Gemma4UnifiedForConditionalGeneration"}},
          {"model_type", "gemma4_unified"},
          {"dtype", "bfloat16"},
          {"tie_word_embeddings", true},
          {"boi_token_id", IdOf(vocabulary, "<|image>")},
          {"boa_token_id", IdOf(vocabulary, "<|audio>")},
          {"image_token_id", IdOf(vocabulary, "<|image|>")},
          {"audio_token_id", IdOf(vocabulary, "<|audio|>")},
          {"eoi_token_id", IdOf(vocabulary, "<image|>")},
          {"eoa_token_index", IdOf(vocabulary, "<audio|>")},  // spelled so in the published file
          {"video_token_id", IdOf(vocabulary, "<|video|>")},
          {"initializer_range", 0.02},
          {"text_config", TextConfig(sizes, layers, vocabulary)},
          {"vision_config", VisionConfigJson(sizes)},
          {"audio_config", AudioConfigJson()}};
}

ordered_json GenerationConfigJson(const SynthVocabulary& vocabulary) {
  const auto id = [&](std::string_view piece) { return IdOf(vocabulary, piece); };
  return {{"bos_token_id", id("<bos>")},
          {"do_sample", true},
          {"eos_token_id", {id("<eos>"), id("<turn|>"), id("<|tool_response>")}},
          {"pad_token_id", id("<pad>")},
          {"suppress_tokens", {id("<audio|>"), id("<image|>")}},
          {"temperature", 1.0},
          {"top_k", 64},
          {"top_p", 0.95}};
}

ordered_json ProcessorConfigJson(const Sizes& sizes) {
  return {{"processor_class", "Gemma4UnifiedProcessor"},
          {"image_seq_length", sizes.image_tokens},
          {"audio_seq_length", 750},
          {"audio_ms_per_token", 40},
          {"image_processor",
           {{"image_processor_type", "Gemma4UnifiedImageProcessor"},
            {"patch_size", 16},
            {"pooling_kernel_size", 3},
            {"max_soft_tokens", sizes.image_tokens},
            {"do_rescale", true},
            {"rescale_factor", 1.0 / 255},
            {"do_normalize", false},
            {"resample", 3},
            {"do_convert_rgb", true}}},
          {"feature_extractor",
           {{"feature_extractor_type", "Gemma4UnifiedAudioFeatureExtractor"},
            {"feature_size", 640},
            {"sampling_rate", 16000},
            {"audio_samples_per_token", 640},
            {"padding_side", "right"},
            {"padding_value", 0.0}}}};
}

ordered_json TokenizerConfigJson(const Sizes& sizes) {
  return {{"tokenizer_class", "GemmaTokenizer"},
          {"bos_token", "<bos>"},
          {"eos_token", "<eos>"},
          {"pad_token", "<pad>"},
          {"unk_token", "<unk>"},
          {"mask_token", "<mask>"},
          {"boi_token", "<|image>"},
          {"image_token", "<|image|>"},
          {"eoi_token", "<image|>"},
          {"boa_token", "<|audio>"},
          {"audio_token", "<|audio|>"},
          {"eoa_token", "<audio|>"},
          {"add_bos_token", false},  // the chat template writes it
          {"padding_side", "left"},
          {"model_max_length", sizes.max_positions},
          {"extra_special_tokens", ordered_json::object()}};
}

std::string FileText(const ordered_json& json) { return json.dump(kIndent) + "\n"; }

SynthModel MakeModel(std::string_view name, const Sizes& sizes, int64_t layers,
                     SynthVocabulary vocabulary) {
  SynthModel model{.name = std::string(name),
                   .config_json = FileText(Config(sizes, layers, vocabulary)),
                   .generation_config_json = FileText(GenerationConfigJson(vocabulary)),
                   .processor_config_json = FileText(ProcessorConfigJson(sizes)),
                   .tokenizer_config_json = FileText(TokenizerConfigJson(sizes)),
                   .vocabulary = std::move(vocabulary),
                   .warnings = {}};
  if (layers % kLayerPeriod != 0) {
    model.warnings.push_back(
        fmt::format("{} layers end with a sliding one, which no published model does; a multiple "
                    "of {} ends with a full one",
                    layers, kLayerPeriod));
  }
  return model;
}

}  // namespace

Result<SynthModel> SynthModelLike(std::string_view name, std::optional<int64_t> layers) {
  if (layers && (*layers < 1 || *layers > kMaxSynthLayers)) {
    return Fail(ErrorCode::kUsage, "{} layers: 1 to {} can be made", *layers, kMaxSynthLayers);
  }
  if (name == "12b") {
    return MakeModel(name, k12B, layers.value_or(k12B.layers), Vocabulary12B());
  }
  if (name == "tiny") {
    return MakeModel(name, kTiny, layers.value_or(kTiny.layers), VocabularyTiny());
  }
  return Fail(ErrorCode::kUsage, "no model is called \"{}\": 12b and tiny are known", name);
}

}  // namespace facet
