#include "quant/synth_rules.h"

#include <array>
#include <string_view>
#include <utility>

#include "tensor/nvfp4.h"

namespace facet {
namespace {

constexpr float kTwoToMinus20 = 0x1.0p-20f;

/// Mean `eighths` / 8, standard deviation about 3.6 % of it, at most 12.5 % away from it.
SynthDistribution Near(float eighths) { return {.offset = 1 << 20, .scale = eighths * 0x1.0p-23f}; }

/// Mean 0, variance gain^2 / divisor.
SynthDistribution Normal(float gain, int64_t divisor) {
  const uint64_t root = IntegerRoot(static_cast<uint64_t>(kSynthBellVariance * divisor));
  return {.offset = 0, .scale = gain / static_cast<float>(root)};
}

SynthDistribution NormOf(const TensorSpec& spec) {
  if (spec.name == "model.language_model.norm.weight") return Normal(1, 1);
  constexpr std::array<std::pair<std::string_view, float>, 4> kEighths = {
      {{"q_norm.weight", 3},
       {"k_norm.weight", 3},
       {"post_attention_layernorm.weight", 3},
       {"post_feedforward_layernorm.weight", 4}}};
  for (const auto& [ending, eighths] : kEighths) {
    if (spec.name.ends_with(ending)) return Near(eighths);
  }
  return Near(8);
}

SynthDistribution VisionOf(const TensorSpec& spec) {
  if (spec.name.ends_with(".bias")) return Normal(0.125f, 1);
  if (spec.name.ends_with("pos_embedding")) return Normal(0.5f, 1);
  if (spec.name.ends_with("patch_dense.weight")) return Normal(16, 1);
  if (spec.name.ends_with("embedding_projection.weight")) return Normal(3, spec.shape[1]);
  return Near(8);
}

/// Largest input magnitude that the calibration of a group is said to have seen. The product that
/// enters down_proj has longer tails than what a norm lets through.
float InputAmax(const TensorSpec& linear) {
  return linear.module.ends_with("down_proj") ? 32.0f : 8.0f;
}

}  // namespace

SynthDistribution SynthDistributionOf(const TensorSpec& spec) {
  switch (spec.kind) {
    case TensorKind::kLinear:
      return Normal(1, spec.shape[1]);
    case TensorKind::kEmbedding:
      return Normal(3, spec.shape[1]);
    case TensorKind::kNorm:
      return NormOf(spec);
    case TensorKind::kLayerScalar:
      return Near(7.75f);
    case TensorKind::kVision:
      return VisionOf(spec);
    case TensorKind::kAudio:
      return Normal(3, spec.shape[1]);
  }
  return {};
}

GroupScales SynthScalesOf(uint64_t seed, const TensorSpec& linear) {
  // 2^20 times the mean square of (code x block scale) x inputs.
  const int64_t square = linear.shape[1] * kSynthCodeSquare8 * kSynthScaleSquare256 * 512;
  const auto root = static_cast<float>(IntegerRoot(static_cast<uint64_t>(square)));
  const auto factor = [&](std::string_view scalar) {
    const uint64_t key = SynthKey(seed, fmt::format("{}.{}", linear.group, scalar));
    return SynthNumber(key, 0, {.offset = 1 << 20, .scale = kTwoToMinus20});
  };
  GroupScales scales;
  scales.global_scale = 1024.0f / root * factor("weight_scale_2");
  scales.input_scale = InputAmax(linear) / kNvfp4Range * factor("input_scale");
  return scales;
}

}  // namespace facet
