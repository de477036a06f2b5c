// What is measured and what is left out, on tiny; the figures themselves are the machine's.
#include "speed/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "speed/fill_cache.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LoadedModel;
using testing::Value;

SpeedOptions Small() {
  SpeedOptions options;
  options.prompts = {20};
  options.depths = {0, 100};
  options.batches = {2};
  options.decode_tokens = 3;
  options.first_token_prompt = 9;
  options.repetitions = 3;
  options.chunk = 8;
  options.context = 4096;
  return options;
}

class MeasureTest : public ::testing::Test {
 protected:
  std::vector<SpeedResult> Measure(
      const SpeedOptions& options, const std::function<void()>& after_each = [] {}) {
    std::vector<SpeedResult> results;
    const auto on_result = [&](const SpeedResult& result) {
      results.push_back(result);
      after_each();
    };
    const auto progress = [&](std::string_view, int64_t done, int64_t total, std::string_view) {
      EXPECT_LE(done, total);
      progress_ends_ += done == total;
    };
    EXPECT_TRUE(MeasureSpeed(tiny_.model(), ActivationMode::kBf16, weights_, options, on_result,
                             progress, cancelled_));
    return results;
  }

  LoadedModel tiny_ = LoadedModel::Tiny("cpu");
  WeightCost weights_ = WeightCostOf(Summarize(tiny_.checkpoint()));
  std::atomic<bool> cancelled_{false};
  int progress_ends_ = 0;
};

TEST_F(MeasureTest, MeasuresEveryCase) {
  const std::vector<SpeedResult> results = Measure(Small());
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(progress_ends_, 4);
  for (const SpeedResult& result : results) {
    EXPECT_THAT(result.left_out, IsEmpty());
    EXPECT_EQ(result.seconds.size(), 3u);
    EXPECT_GT(result.seconds.front(), 0);
    EXPECT_TRUE(std::ranges::is_sorted(result.seconds));
  }
  EXPECT_EQ(results[0].what.kind, SpeedKind::kPrefill);
  EXPECT_EQ(results[2].what.depth, 100);
  EXPECT_EQ(results[3].what.kind, SpeedKind::kFirstToken);
}

TEST_F(MeasureTest, CostsAddUpOverSteps) {
  const std::vector<SpeedResult> results = Measure(Small());
  const ModelConfig& config = tiny_.model().config();
  Cost prefill = CostOfStep(config, weights_, DType::kF32, {.tokens = 8, .logits = 0});
  prefill +=
      CostOfStep(config, weights_, DType::kF32, {.first_position = 8, .tokens = 8, .logits = 0});
  prefill +=
      CostOfStep(config, weights_, DType::kF32, {.first_position = 16, .tokens = 4, .logits = 1});
  EXPECT_EQ(results[0].cost.bytes, prefill.bytes);
  EXPECT_EQ(results[0].cost.operations(), prefill.operations());
  Cost decode;
  for (const int64_t position : {100, 101, 102}) {
    decode +=
        CostOfStep(config, weights_, DType::kF32, {.sequences = 2, .first_position = position});
  }
  EXPECT_EQ(results[2].cost.bytes, decode.bytes);
  EXPECT_EQ(results[2].cost.operations(), decode.operations());
}

TEST_F(MeasureTest, WhatDoesNotFitIsLeftOutWithTheReason) {
  SpeedOptions options = Small();
  options.context = 102;
  std::vector<SpeedResult> results = Measure(options);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_THAT(results[1].left_out, IsEmpty());
  EXPECT_THAT(results[2].left_out, HasSubstr("103 positions do not fit the context of 102"));
  EXPECT_THAT(results[2].seconds, IsEmpty());

  options = Small();
  options.memory = 1000;
  results = Measure(options);
  for (const SpeedResult& result : results) {
    EXPECT_THAT(result.left_out, HasSubstr("and 1.00 kB are free"));
  }
}

TEST_F(MeasureTest, AfterAnInterruptionTheRestIsLeftOut) {
  const std::vector<SpeedResult> results = Measure(Small(), [&] { cancelled_ = true; });
  ASSERT_EQ(results.size(), 4u);
  EXPECT_THAT(results[0].left_out, IsEmpty());
  for (size_t i = 1; i < results.size(); ++i) EXPECT_EQ(results[i].left_out, "interrupted");
}

TEST_F(MeasureTest, AFilledCacheHasFiniteNumbersInEveryRow) {
  const ModelConfig& config = tiny_.model().config();
  KvCache cache(config, {.slots = 2, .max_context = 3000, .max_chunk = 1}, tiny_.backend());
  FillCache(config, tiny_.backend(), cache);
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    for (const int64_t slot : {0, 1}) {
      const CacheRing ring = cache.ring(layer, slot);
      const int64_t count =
          ring.capacity * config.layers[layer].kv_heads * config.layers[layer].head_dim;
      for (const void* rows : {ring.keys, ring.values}) {
        const std::span<const float> numbers(static_cast<const float*>(rows),
                                             static_cast<size_t>(count));
        EXPECT_TRUE(std::ranges::all_of(numbers, [](float x) { return x >= -1 && x < 1; }));
        EXPECT_LT(std::ranges::count(numbers, 0.0f), count / 1000) << layer;
      }
    }
  }
  EXPECT_EQ(cache.length(0), 0);
}

}  // namespace
}  // namespace facet
