// The tensor list against the specification of the 12B and against the trained model's files.
#include "checkpoint/tensor_specs.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ReadBytes;
using testing::SourcePath;
using testing::Value;

std::vector<TensorSpec> Specs12B() {
  return TensorSpecs(
      Value(ModelConfig::Parse(ReadBytes(SourcePath("tests/data/config_12b.json")))));
}

TEST(TensorSpecsTest, CountsOfThe12B) {
  int64_t elements = 0;
  int64_t linears = 0;
  int64_t linear_elements = 0;
  std::set<std::string> names;
  std::map<std::string, int> groups;
  for (const TensorSpec& spec : Specs12B()) {
    elements += spec.shape.elements();
    names.insert(spec.name);
    if (spec.kind != TensorKind::kLinear) continue;
    ++linears;
    linear_elements += spec.shape.elements();
    ++groups[spec.group];
  }
  EXPECT_EQ(names.size(), 677u);
  EXPECT_EQ(Specs12B().size(), 677u);
  EXPECT_EQ(elements, 11'959'730'224);
  EXPECT_EQ(linears, 328);
  EXPECT_EQ(linear_elements, 10'899'947'520);
  EXPECT_EQ(groups.size(), 4u * 48);
  EXPECT_EQ(groups.at("model.language_model.layers.0.self_attn.qkv_proj"), 3);
  EXPECT_EQ(groups.at("model.language_model.layers.5.self_attn.qkv_proj"), 2);
  EXPECT_EQ(groups.at("model.language_model.layers.5.mlp.gate_up_proj"), 2);
}

TEST(TensorSpecsTest, ShapesOfSlidingAndFullLayers) {
  std::map<std::string, Shape> shapes;
  for (const TensorSpec& spec : Specs12B()) shapes[spec.name] = spec.shape;
  const std::string sliding = LayerPrefix(0) + "self_attn.";
  const std::string full = LayerPrefix(5) + "self_attn.";
  EXPECT_EQ(shapes.at(sliding + "q_proj.weight"), Shape({4096, 3840}));
  EXPECT_EQ(shapes.at(sliding + "v_proj.weight"), Shape({2048, 3840}));
  EXPECT_EQ(shapes.at(full + "q_proj.weight"), Shape({8192, 3840}));
  EXPECT_EQ(shapes.at(full + "k_proj.weight"), Shape({512, 3840}));
  EXPECT_EQ(shapes.at(full + "o_proj.weight"), Shape({3840, 8192}));
  EXPECT_FALSE(shapes.contains(full + "v_proj.weight"));
  EXPECT_EQ(shapes.at("model.vision_embedder.pos_embedding"), Shape({1120, 2, 3840}));
}

TEST(TensorSpecsTest, ModuleNamesBecomeHubNames) {
  EXPECT_EQ(HubName("model.embed_vision.patch_dense.bias"),
            "model.vision_embedder.patch_dense.bias");
  EXPECT_EQ(HubName("model.embed_vision.pos_embedding"), "model.vision_embedder.pos_embedding");
  EXPECT_EQ(HubName("model.embed_vision.multimodal_embedder.embedding_projection.weight"),
            "model.embed_vision.embedding_projection.weight");
  for (const TensorSpec& spec : Specs12B()) {
    EXPECT_EQ(HubName(spec.name), spec.name);
    EXPECT_FALSE(IsVestigial(spec.name));
  }
  EXPECT_TRUE(IsVestigial("model.embed_audio.embedding.weight"));
}

}  // namespace
}  // namespace facet
