#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// How often each id comes out at positions 0..count-1.
std::map<int32_t, int> Draws(const std::vector<float>& logits, const SamplingParams& params,
                             int count = 20'000) {
  std::map<int32_t, int> draws;
  for (int i = 0; i < count; ++i) {
    ++draws[Value(Sample(logits, {}, params, static_cast<uint64_t>(i)))];
  }
  return draws;
}

TEST(SamplerTest, GreedyTakesTheLowestIdAmongTheLargest) {
  const std::vector<float> logits = {1, 5, 3, 5, -2};
  // top_k and top_p do not matter.
  EXPECT_EQ(Value(Sample(logits, {}, {.temperature = 0, .top_k = 1, .top_p = 0.1}, 7)), 1);
}

TEST(SamplerTest, SuppressedTokensNeverComeOut) {
  const std::vector<float> logits = {1, 9, 3, 8};
  const std::vector<int32_t> suppressed = {1, 3, -1, 4000};  // ids outside are ignored
  EXPECT_EQ(Value(Sample(logits, suppressed, {.temperature = 0}, 0)), 2);
  for (uint64_t position = 0; position < 2000; ++position) {
    const int32_t id = Value(Sample(logits, suppressed, {.temperature = 5, .seed = 3}, position));
    EXPECT_TRUE(id == 0 || id == 2) << id;
  }
}

TEST(SamplerTest, SuppressionComesBeforeTopK) {
  // Otherwise top_k = 1 would keep only the suppressed token.
  const std::vector<float> logits = {1, 9, 3};
  EXPECT_EQ(Value(Sample(logits, {{1}}, {.temperature = 1, .top_k = 1}, 0)), 2);
}

TEST(SamplerTest, TheLargestLogitsDecideAsAllDo) {
  std::vector<float> logits;
  std::vector<RankedValue> ranked;
  for (uint64_t i = 0; i < 500; ++i) {
    logits.push_back(std::round(static_cast<float>(RandomUnit(4, i)) * 40) / 8);  // many are equal
    ranked.push_back({static_cast<int32_t>(i), logits.back()});
  }
  std::sort(ranked.begin(), ranked.end(), [](const RankedValue& a, const RankedValue& b) {
    return a.value != b.value ? a.value > b.value : a.column < b.column;
  });
  const std::vector<int32_t> suppressed = {ranked[0].column, ranked[3].column, 7, 4000};
  for (const SamplingParams& params :
       {SamplingParams{.temperature = 0}, SamplingParams{.temperature = 0.8, .top_k = 1},
        SamplingParams{.temperature = 1, .top_k = 64, .top_p = 0.95, .seed = 5}}) {
    const auto needed = static_cast<size_t>(LogitsNeeded(suppressed, params));
    ASSERT_GT(needed, 0u);
    for (uint64_t position = 0; position < 200; ++position) {
      EXPECT_EQ(Value(SampleRanked(std::span(ranked).first(needed), suppressed, params, position)),
                Value(Sample(logits, suppressed, params, position)));
    }
  }
  EXPECT_EQ(LogitsNeeded({}, {.temperature = 1, .top_k = 0}), 0);
}

TEST(SamplerTest, RankedLogitsThatAreNoNumbersAreRefused) {
  const RankedValue nan[] = {{.column = 3, .value = kNan}, {.column = 0, .value = 1}};
  EXPECT_EQ(ErrorOf(SampleRanked(nan, {}, {}, 0)).code, ErrorCode::kInvalidData);
}

TEST(SamplerTest, DrawsFollowTheProbabilities) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  auto draws = Draws(logits, {.temperature = 1, .seed = 11});
  // Standard deviation of a share is below 0.0036; five of them.
  EXPECT_NEAR(draws[0] / 20'000.0, 0.5, 0.018);
  EXPECT_NEAR(draws[1] / 20'000.0, 0.3, 0.018);
  EXPECT_NEAR(draws[2] / 20'000.0, 0.2, 0.018);
}

TEST(SamplerTest, TemperatureDividesTheLogits) {
  // At temperature 0.5 probabilities are squared: 0.25 : 0.09 : 0.04.
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  auto draws = Draws(logits, {.temperature = 0.5, .seed = 12});
  EXPECT_NEAR(draws[0] / 20'000.0, 0.25 / 0.38, 0.018);
  EXPECT_NEAR(draws[2] / 20'000.0, 0.04 / 0.38, 0.018);
}

TEST(SamplerTest, TopKKeepsTheLowestIdsAmongEquals) {
  const auto draws = Draws({2, 1, 1, 1}, {.temperature = 10, .top_k = 2}, 2000);
  ASSERT_EQ(draws.size(), 2u);
  EXPECT_TRUE(draws.contains(0) && draws.contains(1));
}

TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_p = 0.45}, 2000).size(), 1u);
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_p = 0.55}, 2000).size(), 2u);
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_p = 0.85}, 2000).size(), 3u);
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_p = 1e-9}, 2000).size(), 1u);
}

TEST(SamplerTest, TopPCountsWhatTopKLeft) {
  // Of {0.5, 0.3} alone, the first has 0.625: enough for 0.6, though not before top_k.
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_k = 2, .top_p = 0.6}, 2000).size(), 1u);
  EXPECT_EQ(Draws(logits, {.temperature = 1, .top_p = 0.6}, 2000).size(), 2u);
}

TEST(SamplerTest, TheDrawDependsOnSeedAndPositionAlone) {
  const std::vector<float> logits(100, 0.0f);
  const SamplingParams params{.temperature = 1, .seed = 5};
  EXPECT_EQ(Value(Sample(logits, {}, params, 42)), Value(Sample(logits, {}, params, 42)));
  int differences = 0;
  for (uint64_t position = 0; position < 50; ++position) {
    const SamplingParams other{.temperature = 1, .seed = 6};
    differences +=
        Value(Sample(logits, {}, params, position)) != Value(Sample(logits, {}, other, position));
  }
  EXPECT_GT(differences, 40);
}

TEST(SamplerTest, ExtremeTemperaturesStayNumbers) {
  const std::vector<float> logits = {-3e38f, 3e38f, 0};
  EXPECT_EQ(Value(Sample(logits, {}, {.temperature = 1e-300}, 0)), 1);
  const auto draws = Draws(logits, {.temperature = 1e300}, 3000);
  EXPECT_EQ(draws.size(), 3u);
}

TEST(SamplerTest, LogitsThatAreNoNumbersAreErrors) {
  for (const double temperature : {0.0, 1.0}) {
    const SamplingParams params{.temperature = temperature};
    const Error nan = ErrorOf(Sample(std::vector<float>{1, kNan}, {}, params, 0));
    EXPECT_EQ(nan.code, ErrorCode::kInvalidData);
    EXPECT_NE(nan.message.find("token 1"), std::string::npos) << nan.message;
    EXPECT_EQ(ErrorOf(Sample(std::vector<float>{kInf, 1}, {}, params, 0)).code,
              ErrorCode::kInvalidData);
    // A NaN that is suppressed is still a broken model.
    EXPECT_FALSE(Sample(std::vector<float>{1, kNan}, {{1}}, params, 0));
    // Nothing left to choose.
    EXPECT_FALSE(Sample(std::vector<float>{1, 2}, {{0, 1}}, params, 0));
    EXPECT_FALSE(Sample(std::vector<float>{-kInf, -kInf}, {}, params, 0));
    // -inf alone is a token that cannot come.
    EXPECT_EQ(Value(Sample(std::vector<float>{-kInf, -5}, {}, params, 0)), 1);
  }
}

TEST(SamplerTest, ImpossibleParametersAreRefused) {
  const std::vector<float> logits = {1, 2};
  for (const SamplingParams& params :
       {SamplingParams{.temperature = -1}, SamplingParams{.temperature = kNan},
        SamplingParams{.temperature = kInf}, SamplingParams{.temperature = 1, .top_k = -1},
        SamplingParams{.temperature = 1, .top_p = 0},
        SamplingParams{.temperature = 1, .top_p = 1.1},
        SamplingParams{.temperature = 1, .top_p = kNan}}) {
    EXPECT_EQ(ErrorOf(Sample(logits, {}, params, 0)).code, ErrorCode::kUsage);
  }
}

TEST(SamplerTest, DefaultsFollowDoSample) {
  GenerationConfig config;
  config.do_sample = true;
  config.temperature = 0.7;
  config.top_k = 64;
  EXPECT_EQ(SamplingDefaults(config).temperature, 0.7);
  EXPECT_EQ(SamplingDefaults(config).top_k, 64);
  config.do_sample = false;
  EXPECT_EQ(SamplingDefaults(config).temperature, 0);
}

TEST(ScoreTokensTest, ScoresTheTokenThenTheLikeliest) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  const std::vector<TokenScore> scores = ScoreTokens(logits, 0, 2);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0].id, 0);
  EXPECT_NEAR(scores[0].logprob, std::log(0.2), 1e-6);
  EXPECT_EQ(scores[1].id, 1);
  EXPECT_EQ(scores[2].id, 2);
  EXPECT_NEAR(scores[2].logprob, std::log(0.3), 1e-6);
  EXPECT_EQ(ScoreTokens(logits, 2, 10).size(), 4u);  // no more than there are
}

}  // namespace
}  // namespace facet
