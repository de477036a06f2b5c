#include "speed/cost.h"

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::Value;

int64_t CountVisible(int64_t first, int64_t tokens, int64_t window) {
  int64_t keys = 0;
  for (int64_t p = first; p < first + tokens; ++p) {
    for (int64_t key = 0; key <= p; ++key) keys += window == 0 || key > p - window;
  }
  return keys;
}

TEST(CostTest, VisibleKeysAreWhatCountingGives) {
  for (const int64_t window : {0, 1, 2, 7, 64}) {
    for (const int64_t first : {0, 1, 6, 7, 63, 64, 100}) {
      for (const int64_t tokens : {0, 1, 5, 64, 130}) {
        EXPECT_EQ(VisibleKeys(first, tokens, window), CountVisible(first, tokens, window))
            << first << " " << tokens << " " << window;
      }
    }
  }
}

/// Two heads of 8 on one key/value head; a sliding layer of 4 and a full one.
ModelConfig SmallConfig() {
  LayerConfig layer{.heads = 2, .kv_heads = 1, .head_dim = 8, .window = 4, .rope = {}};
  ModelConfig config;
  config.layers.push_back(layer);
  layer.kind = LayerKind::kFull;
  layer.window = 0;
  config.layers.push_back(layer);
  return config;
}

constexpr WeightCost kWeights = {.linear_bytes = 1000,
                                 .nvfp4_parameters = 1600,
                                 .bf16_parameters = 50,
                                 .head_bytes = 400,
                                 .head_parameters = 200};

TEST(CostTest, AStepOfDecodeReadsWeightsOnceAndEachSequencesRows) {
  const Cost cost = CostOfStep(SmallConfig(), kWeights, DType::kBF16,
                               {.sequences = 3, .first_position = 9, .tokens = 1, .logits = 1});
  // Rows: 4 of the window, 10 of the full layer, each 8 keys and 8 values of 2 bytes.
  EXPECT_EQ(cost.bytes, 1000 + 400 + 3 * (4 + 10) * 32);
  EXPECT_EQ(cost.nvfp4_operations, 2 * 3 * 1600);
  EXPECT_EQ(cost.bf16_operations, 2 * 3 * 50 + 2 * 3 * 200 + 3 * 4 * 16 * (4 + 10));
}

TEST(CostTest, AChunkWithoutLogitsLeavesTheHeadAlone) {
  const Cost cost = CostOfStep(SmallConfig(), kWeights, DType::kF32,
                               {.sequences = 1, .first_position = 2, .tokens = 6, .logits = 0});
  // The window of the first query reaches back to position 0.
  EXPECT_EQ(cost.bytes, 1000 + (8 + 8) * 64);
  EXPECT_EQ(cost.nvfp4_operations, 2 * 6 * 1600);
  EXPECT_EQ(cost.bf16_operations,
            2 * 6 * 50 + 4 * 16 * (CountVisible(2, 6, 4) + CountVisible(2, 6, 0)));
}

TEST(CostTest, FloorsTakeEachKindAtItsRate) {
  const DeviceLimits limits{
      .device = "", .read = 10, .bf16 = 4, .w4a16 = 2, .w4a4 = 8, .arithmetic = ""};
  const Cost cost{.bytes = 100, .nvfp4_operations = 16, .bf16_operations = 4};
  EXPECT_EQ(FloorOf(cost, limits, ActivationMode::kBf16).read_seconds, 10);
  EXPECT_EQ(FloorOf(cost, limits, ActivationMode::kBf16).compute_seconds, 9);
  EXPECT_EQ(FloorOf(cost, limits, ActivationMode::kNvfp4).compute_seconds, 3);
}

TEST(CostTest, TinysWeightsAreThoseOfItsFiles) {
  const Checkpoint checkpoint = Value(Checkpoint::Open(testing::SourcePath("models/tiny")));
  const WeightCost cost = WeightCostOf(Summarize(checkpoint));
  const ModelConfig& config = checkpoint.config();
  int64_t linears = 0;
  for (const LayerConfig& layer : config.layers) {
    const int64_t kv = layer.kv_heads * layer.head_dim * (layer.key_is_value ? 1 : 2);
    linears += config.hidden * (2 * layer.heads * layer.head_dim + kv + 3 * config.intermediate);
  }
  EXPECT_EQ(cost.bf16_parameters, linears);
  EXPECT_EQ(cost.nvfp4_parameters, 0);
  EXPECT_EQ(cost.linear_bytes, 2 * linears);
  EXPECT_EQ(cost.head_parameters, config.vocabulary * config.hidden);
  EXPECT_EQ(cost.head_bytes, 2 * cost.head_parameters);
}

TEST(CostTest, The12BReads8GigabytesAToken) {
  const ModelConfig config = Value(
      ModelConfig::Parse(testing::ReadBytes(testing::SourcePath("tests/data/config_12b.json"))));
  // 10,899,947,520 linear parameters at 4.5 bits, a head of 1,006,632,960 in BF16; at depth 1024
  // the last of 1,024 keys is the token's own: 40 sliding layers of 8 x 256, 8 full of 1 x 512.
  constexpr int64_t kLinears = 10'899'947'520;
  constexpr int64_t kHead = 1'006'632'960;
  const WeightCost weights{.linear_bytes = kLinears * 9 / 16,
                           .nvfp4_parameters = kLinears,
                           .bf16_parameters = 0,
                           .head_bytes = 2 * kHead,
                           .head_parameters = kHead};
  const Cost cost = CostOfStep(config, weights, DType::kBF16, {.first_position = 1023});
  EXPECT_EQ(cost.bytes, 8'144'486'400.0 + 1024.0 * (40 * 2 * 2048 * 2 + 8 * 2 * 512 * 2));
  EXPECT_EQ(cost.nvfp4_operations, 2.0 * kLinears);
  EXPECT_EQ(cost.bf16_operations, 2.0 * kHead + 4 * 1024.0 * (40 * 16 * 256 + 8 * 16 * 512));
}

}  // namespace
}  // namespace facet
