#include "quant/synth_rules.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::Value;

std::map<std::string, TensorSpec> Specs12B() {
  const auto config = Value(
      ModelConfig::Parse(testing::ReadBytes(testing::SourcePath("tests/data/config_12b.json"))));
  std::map<std::string, TensorSpec> specs;
  for (TensorSpec& spec : TensorSpecs(config)) specs[spec.name] = std::move(spec);
  return specs;
}

double Mean(const SynthDistribution& distribution) {
  return double{distribution.scale} * distribution.offset;
}

double Deviation(const SynthDistribution& distribution) {
  return double{distribution.scale} * std::sqrt(double{kSynthBellVariance});
}

/// Mean and standard deviation of every kind of tensor, as docs/synth.md states them.
TEST(SynthRulesTest, TheTableOfTheDocument) {
  const auto specs = Specs12B();
  struct Row {
    const char* name;
    double mean;
    double deviation;
  };
  const double near = std::sqrt(double{kSynthBellVariance}) / (1 << 20);
  for (const auto& [name, mean, deviation] : {
           Row{"model.language_model.embed_tokens.weight", 0, 3 / std::sqrt(3840.0)},
           Row{"model.language_model.norm.weight", 0, 1},
           Row{"model.language_model.layers.5.input_layernorm.weight", 1, near},
           Row{"model.language_model.layers.5.self_attn.q_norm.weight", 0.375, 0.375 * near},
           Row{"model.language_model.layers.4.self_attn.k_norm.weight", 0.375, 0.375 * near},
           Row{"model.language_model.layers.5.post_attention_layernorm.weight", 0.375,
               0.375 * near},
           Row{"model.language_model.layers.5.pre_feedforward_layernorm.weight", 1, near},
           Row{"model.language_model.layers.5.post_feedforward_layernorm.weight", 0.5, 0.5 * near},
           Row{"model.language_model.layers.5.layer_scalar", 0.96875, 0.96875 * near},
           Row{"model.language_model.layers.5.self_attn.o_proj.weight", 0, 1 / std::sqrt(8192.0)},
           Row{"model.language_model.layers.5.mlp.down_proj.weight", 0, 1 / std::sqrt(15360.0)},
           Row{"model.vision_embedder.patch_ln1.weight", 1, near},
           Row{"model.vision_embedder.patch_ln1.bias", 0, 0.125},
           Row{"model.vision_embedder.patch_dense.weight", 0, 16},
           Row{"model.vision_embedder.patch_dense.bias", 0, 0.125},
           Row{"model.vision_embedder.pos_embedding", 0, 0.5},
           Row{"model.embed_vision.embedding_projection.weight", 0, 3 / std::sqrt(3840.0)},
           Row{"model.embed_audio.embedding_projection.weight", 0, 3 / std::sqrt(640.0)},
       }) {
    const SynthDistribution found = SynthDistributionOf(specs.at(name));
    EXPECT_NEAR(Mean(found), mean, 1e-6) << name;
    EXPECT_NEAR(Deviation(found), deviation, 3e-5 * deviation) << name;
  }
}

TEST(SynthRulesTest, NoSumIsTooLargeForAFloat) {
  for (const auto& [name, spec] : Specs12B()) {
    const SynthDistribution found = SynthDistributionOf(spec);
    EXPECT_LT(found.offset + SynthBell(~uint64_t{0}), 1 << 24) << name;
    EXPECT_GT(found.scale, 0) << name;
  }
}

// Computed from docs/synth.md by a separate program.
TEST(SynthRulesTest, DocumentedScales) {
  const auto specs = Specs12B();
  const GroupScales scales =
      SynthScalesOf(0, specs.at("model.language_model.layers.0.mlp.down_proj.weight"));
  EXPECT_EQ(scales.global_scale, 0x1.32095ap-16f);
  EXPECT_EQ(scales.input_scale, 0x1.80aap-7f);
}

TEST(SynthRulesTest, LinearsOfAGroupShareTheirScales) {
  const auto specs = Specs12B();
  std::map<std::string, GroupScales> groups;
  std::map<float, std::string> owners;
  for (const auto& [name, spec] : specs) {
    if (spec.kind != TensorKind::kLinear) continue;
    const GroupScales scales = SynthScalesOf(1, spec);
    const auto [known, first] = groups.emplace(spec.group, scales);
    EXPECT_EQ(known->second.global_scale, scales.global_scale) << name;
    EXPECT_EQ(known->second.input_scale, scales.input_scale) << name;
    const bool unique = !first || owners.emplace(scales.global_scale, spec.group).second;
    EXPECT_TRUE(unique) << name;
  }
  EXPECT_EQ(groups.size(), 48u * 4);
}

/// Drawn NVFP4 weights are as large as drawn BF16 weights.
TEST(SynthRulesTest, GlobalScalesGiveTheVarianceOfPlainWeights) {
  for (const auto& [name, spec] : Specs12B()) {
    if (spec.kind != TensorKind::kLinear) continue;
    const double square = kSynthCodeSquare8 / 8.0 * kSynthScaleSquare256 / 256.0;
    const double drawn = SynthScalesOf(2, spec).global_scale * std::sqrt(square);
    const double plain = Deviation(SynthDistributionOf(spec));
    EXPECT_GE(drawn / plain, 0.8749) << name;
    EXPECT_LE(drawn / plain, 1.1251) << name;
  }
}

}  // namespace
}  // namespace facet
