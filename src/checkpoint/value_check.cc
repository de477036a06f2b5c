// The check of configuration values: what the architecture fixes, and what the files must share.
#include "checkpoint/static_check.h"

namespace facet {
namespace {

/// Values that every published model of the architecture has. Another value is computed with as
/// stated, so it is a warning: either a new model or a damaged file.
void CheckTextValues(const ModelConfig& config, Findings& findings) {
  const auto expect = [&](std::string_view key, double found, double expected) {
    if (found == expected) return;
    findings.Add(Severity::kWarning, "unusual_value", key, "{:g}, published models have {:g}",
                 found, expected);
  };
  expect("text_config.final_logit_softcapping", config.logit_softcap, 30);
  expect("text_config.rms_norm_eps", config.rms_norm_eps, 1e-6);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const LayerConfig& layer = config.layers[i];
    const bool full = layer.kind == LayerKind::kFull;
    if (full != (i % 6 == 5)) {
      findings.Add(Severity::kWarning, "unusual_value",
                   fmt::format("text_config.layer_types[{}]", i),
                   "published models have one full layer after five sliding ones");
      break;
    }
  }
  for (const LayerConfig& layer : config.layers) {
    const bool full = layer.kind == LayerKind::kFull;
    const RopeConfig expected{.theta = full ? 1e6 : 1e4,
                              .partial_rotary_factor = full ? 0.25 : 1.0};
    const bool usual = layer.rope.theta == expected.theta && layer.rope.factor == 1 &&
                       layer.rope.partial_rotary_factor == expected.partial_rotary_factor;
    if (usual) continue;
    findings.Add(Severity::kWarning, "unusual_value", "text_config.rope_parameters",
                 "theta {:g} with a share of {:g}, published models have {:g} with {:g}",
                 layer.rope.theta, layer.rope.partial_rotary_factor, expected.theta,
                 expected.partial_rotary_factor);
    break;
  }
}

void CheckWindow(const ModelConfig& config, Findings& findings) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.window <= config.max_positions) continue;
    findings.Add(Severity::kWarning, "unusual_value", "text_config.sliding_window",
                 "{} is more than max_position_embeddings, {}", layer.window, config.max_positions);
    return;
  }
}

/// The 12B's sizes that its name promises; a file of this width with another value is damaged.
void CheckKnownModel(const ModelConfig& config, Findings& findings) {
  if (config.hidden != 3840 || config.layers.size() != 48) return;
  const auto expect = [&](std::string_view key, int64_t found, int64_t expected) {
    if (found == expected) return;
    findings.Add(Severity::kError, "not_the_12b", key, "{}, Gemma 4 12B has {}", found, expected);
  };
  expect("text_config.vocab_size", config.vocabulary, 262144);
  expect("text_config.intermediate_size", config.intermediate, 15360);
  for (const LayerConfig& layer : config.layers) {
    const bool full = layer.kind == LayerKind::kFull;
    if (!full) expect("text_config.sliding_window", layer.window, 1024);
    expect("text_config.num_attention_heads", layer.heads, 16);
    expect(full ? "text_config.num_global_key_value_heads" : "text_config.num_key_value_heads",
           layer.kv_heads, full ? 1 : 8);
    expect(full ? "text_config.global_head_dim" : "text_config.head_dim", layer.head_dim,
           full ? 512 : 256);
    if (findings.Count(Severity::kError) > 0) break;  // one layer of a kind says it all
  }
}

void CheckProcessor(const Checkpoint& checkpoint, Findings& findings) {
  const ModelConfig& config = checkpoint.config();
  const ProcessorConfig& processor = checkpoint.processor();
  if (config.vision) {
    const int64_t side = processor.image_patch_size * processor.image_pooling;
    if (side != config.vision->patch_side) {
      findings.Add(Severity::kError, "processor_mismatch", "image_processor.patch_size",
                   "patches of {} pixels, the model takes {}", side, config.vision->patch_side);
    }
    if (processor.image_max_soft_tokens > config.vision->position_limit) {
      findings.Add(Severity::kWarning, "processor_mismatch", "image_processor.max_soft_tokens",
                   "{} tokens in a row can exceed the position table's {}",
                   processor.image_max_soft_tokens, config.vision->position_limit);
    }
  }
  if (config.audio && processor.audio_samples_per_token != config.audio->samples_per_token) {
    findings.Add(Severity::kError, "processor_mismatch", "feature_extractor.feature_size",
                 "{} samples a token, the model takes {}", processor.audio_samples_per_token,
                 config.audio->samples_per_token);
  }
}

void CheckGeneration(const Checkpoint& checkpoint, Findings& findings) {
  const GenerationConfig& generation = checkpoint.generation();
  const SpecialTokenIds& tokens = checkpoint.config().tokens;
  if (generation.stop_tokens.empty() && !tokens.eos) {
    findings.Add(Severity::kWarning, "no_stop_token", "eos_token_id",
                 "neither generation_config.json nor config.json names one");
  }
  const auto suppressed = [&](const std::optional<int32_t>& id) {
    return !id ||
           std::ranges::find(generation.suppress_tokens, *id) != generation.suppress_tokens.end();
  };
  if (!suppressed(tokens.image_end) || !suppressed(tokens.audio_end)) {
    findings.Add(Severity::kInfo, "media_ends_not_suppressed", "suppress_tokens",
                 "the ends of images and audio can be generated; the published models suppress "
                 "them");
  }
}

}  // namespace

void CheckConfigValues(const Checkpoint& checkpoint, Findings& findings) {
  CheckTextValues(checkpoint.config(), findings);
  CheckWindow(checkpoint.config(), findings);
  Findings known;
  CheckKnownModel(checkpoint.config(), known);
  findings.Append(known);
  CheckProcessor(checkpoint, findings);
  CheckGeneration(checkpoint, findings);
}

}  // namespace facet
