#include "quant/shard_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace facet {
namespace {

using ::testing::ElementsAre;

Piece PieceOf(std::vector<SafetensorsTensor> tensors) { return {std::move(tensors), {}}; }

Unit Linear(const std::string& module) {
  return {{PieceOf({{module + ".weight_scale_2", DType::kF32, Shape{}}}),
           PieceOf({{module + ".weight", DType::kU8, {4, 16}},
                    {module + ".weight_scale", DType::kF8E4M3, {4, 2}}})}};
}

Unit Kept(const std::string& name, int64_t elements) {
  return {{PieceOf({{name, DType::kBF16, {elements}}})}};
}

std::vector<std::string> NamesIn(const PlannedShard& shard) {
  std::vector<std::string> names;
  for (const Piece& piece : shard.pieces) {
    for (const SafetensorsTensor& tensor : piece.tensors) names.push_back(tensor.name);
  }
  return names;
}

TEST(PlanShardsTest, OneShardHasThePlainNameAndWideTypesFirst) {
  const ShardPlan plan = PlanShards({Linear("a"), Kept("b", 8), Linear("c")}, 1000);
  ASSERT_EQ(plan.shards.size(), 1u);
  EXPECT_EQ(plan.shards[0].file_name, "model.safetensors");
  EXPECT_THAT(NamesIn(plan.shards[0]),
              ElementsAre("a.weight_scale_2", "c.weight_scale_2", "b", "a.weight", "a.weight_scale",
                          "c.weight", "c.weight_scale"));
  EXPECT_EQ(plan.tensors, 7);
  EXPECT_EQ(plan.bytes, 2 * (4 + 64 + 8) + 16);
}

TEST(PlanShardsTest, SplitsAtTheLimitAndKeepsALinearTogether) {
  const ShardPlan plan = PlanShards({Linear("a"), Linear("b"), Kept("c", 4)}, 84);
  ASSERT_EQ(plan.shards.size(), 2u);
  EXPECT_EQ(plan.shards[0].file_name, "model-00001-of-00002.safetensors");
  EXPECT_THAT(NamesIn(plan.shards[0]),
              ElementsAre("a.weight_scale_2", "a.weight", "a.weight_scale"));
  EXPECT_EQ(plan.weight_map.at("b.weight_scale"), "model-00002-of-00002.safetensors");
  EXPECT_EQ(plan.weight_map.at("c"), "model-00002-of-00002.safetensors");
}

TEST(PlanShardsTest, ATensorAboveTheLimitStandsAlone) {
  const ShardPlan plan = PlanShards({Kept("a", 4), Kept("huge", 1000), Kept("b", 4)}, 100);
  ASSERT_EQ(plan.shards.size(), 3u);
  EXPECT_THAT(NamesIn(plan.shards[1]), ElementsAre("huge"));
}

TEST(PlanShardsTest, ExactlyTheLimitIsStillOneShard) {
  EXPECT_EQ(PlanShards({Kept("a", 25), Kept("b", 25)}, 100).shards.size(), 1u);
  EXPECT_EQ(PlanShards({Kept("a", 25), Kept("b", 26)}, 100).shards.size(), 2u);
}

TEST(IndexJsonTest, NamesEveryTensorAndTheTotal) {
  const ShardPlan plan = PlanShards({Linear("a"), Kept("b", 8)}, 80);
  const auto index = nlohmann::json::parse(IndexJson(plan));
  EXPECT_EQ(index.at("metadata").at("total_size"), 76 + 16);
  EXPECT_EQ(index.at("weight_map").size(), 4u);
  EXPECT_EQ(index.at("weight_map").at("b"), "model-00002-of-00002.safetensors");
}

}  // namespace
}  // namespace facet
