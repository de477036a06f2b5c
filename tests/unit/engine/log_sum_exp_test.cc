#include "engine/log_sum_exp.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace facet {
namespace {

TEST(LogSumExpTest, StaysExactWhateverTheSize) {
  EXPECT_NEAR(LogSumExp(std::vector<float>{0, 0, 0, 0}), std::log(4.0), 1e-15);
  EXPECT_NEAR(LogSumExp(std::vector<float>{1000, 1000}), 1000 + std::log(2.0), 1e-12);
  EXPECT_FALSE(
      std::isfinite(LogSumExp(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()})));
}

}  // namespace
}  // namespace facet
