// config.json as plain, validated structs. Sizes come from here and nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

enum class LayerKind { kSliding, kFull };

/// Rotary position embedding of a layer. Pairs are (i, i + head_dim / 2).
struct RopeConfig {
  double theta = 10000;
  /// Share of the head that turns: 1 for "default"; for "proportional" the first
  /// partial_rotary_factor * head_dim / 2 pairs turn, and the others stay as they are.
  double partial_rotary_factor = 1;
  double factor = 1;  ///< divides the frequencies ("proportional" only)

  /// Angle per position of pair i in [0, head_dim / 2): theta^(-2 i / head_dim) / factor, or 0 for
  /// pairs that do not turn. The denominator is the whole head_dim in both types.
  std::vector<double> InverseFrequencies(int64_t head_dim) const;
};

struct LayerConfig {
  LayerKind kind = LayerKind::kSliding;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  /// Keys that a query sees, itself included; 0 means all earlier ones.
  int64_t window = 0;
  /// Full layers with attention_k_eq_v have no v_proj: values are the raw key projection.
  bool key_is_value = false;
  RopeConfig rope;
};

/// The encoder-free image embedder.
struct VisionConfig {
  int64_t patch_side = 48;        ///< pixels: patch_size * pooling_kernel_size
  int64_t position_limit = 1120;  ///< rows of the position table, mm_posemb_size
  double rms_norm_eps = 1e-6;     ///< of the norm before the projection
  double layer_norm_eps = 1e-5;   ///< of patch_ln1, patch_ln2, pos_norm: the framework's default
  int64_t patch_elements() const { return patch_side * patch_side * 3; }
};

/// The encoder-free sound embedder.
struct AudioConfig {
  int64_t samples_per_token = 640;
  double rms_norm_eps = 1e-6;
};

/// Ids that the configuration names; absent where the file has none.
struct SpecialTokenIds {
  std::optional<int32_t> image, image_begin, image_end, audio, audio_begin, audio_end, video;
  std::optional<int32_t> bos, eos;
  int32_t pad = 0;
};

struct ModelConfig {
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t intermediate = 0;
  std::vector<LayerConfig> layers;
  double rms_norm_eps = 1e-6;
  double logit_softcap = 0;  ///< 0: none
  int64_t max_positions = 0;
  /// On sliding layers the tokens of one image see each other in both directions
  /// (use_bidirectional_attention "vision"); otherwise attention is causal throughout.
  bool bidirectional_images = true;
  std::optional<VisionConfig> vision;
  std::optional<AudioConfig> audio;
  SpecialTokenIds tokens;
  std::vector<std::string> warnings;  ///< accepted but worth saying, for people

  /// Parses and checks the text of a config.json. Unknown keys are ignored; a key that the model
  /// needs and that is missing, of the wrong type, out of range, or of an unknown kind is an error
  /// that names it.
  static Result<ModelConfig> Parse(std::string_view json);
};

}  // namespace facet
