#include "eval/log_softmax.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace facet {
namespace {

TEST(LogSoftmaxTest, DivergenceOfKnownDistributions) {
  // KL of {1/2, 1/2} from {3/4, 1/4}: ln(2/3) / 2 + ln(2) / 2.
  const std::vector<float> reference = {7, 7};
  const std::vector<float> candidate = {std::log(3.0f), 0};
  const RowComparison row = CompareRows(reference, candidate);
  EXPECT_NEAR(row.kl, 0.5 * std::log(2.0 / 3) + 0.5 * std::log(2.0), 1e-7);
  EXPECT_NEAR(row.reference_log_sum, 7 + std::log(2.0), 1e-12);
  EXPECT_TRUE(row.same_top1);  // lowest id among equals
}

TEST(LogSoftmaxTest, EqualRowsHaveExactlyNoDivergence) {
  std::vector<float> logits;
  for (int i = 0; i < 5000; ++i) logits.push_back(std::sin(static_cast<float>(i)) * 20);
  const RowComparison row = CompareRows(logits, logits);
  EXPECT_EQ(row.kl, 0);
  EXPECT_TRUE(row.same_top1);
}

TEST(LogSoftmaxTest, AShiftOfAllLogitsIsNoDifference) {
  std::vector<float> a, b;
  for (int i = 0; i < 100; ++i) {
    a.push_back(static_cast<float>(i % 7));
    b.push_back(static_cast<float>(i % 7) + 8);
  }
  const RowComparison row = CompareRows(a, b);
  EXPECT_GE(row.kl, 0);
  EXPECT_NEAR(row.kl, 0, 1e-14);
}

TEST(LogSoftmaxTest, BrokenLogitsAreSeen) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(CompareRows(std::vector<float>{1, nan}, std::vector<float>{1, 2}).kl));
  EXPECT_FALSE(std::isfinite(CompareRows(std::vector<float>{1, 2}, std::vector<float>{1, nan}).kl));
}

}  // namespace
}  // namespace facet
