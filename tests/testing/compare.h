// Comparison of float32 matrices: one similarity number, the largest error, and the first wrong
// coordinate with both values.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace facet::testing {

/// |actual - expected| may be rms x (root mean square of expected) + relative x |expected|.
struct Tolerance {
  double rms = 0;
  double relative = 0;
};

/// Bit for bit.
inline constexpr Tolerance kExact{};

struct Comparison {
  /// 2 a.e / (a.a + e.e): 1 for equal, 0 for unrelated matrices; 1 if both are zero.
  double similarity = 1;
  double largest_error = 0;
  int64_t largest_at = 0;    ///< flat index
  int64_t first_wrong = -1;  ///< flat index; -1: all within the tolerance
};

/// Equal NaNs and infinities count as equal and stay out of the sums.
inline Comparison Compare(ConstMatrix actual, ConstMatrix expected, Tolerance tolerance) {
  const int64_t count = expected.rows * expected.cols;
  double products = 0;
  double actual_squares = 0;
  double expected_squares = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double a = actual.data[i];
    const double e = expected.data[i];
    if (!std::isfinite(a) || !std::isfinite(e)) continue;
    ++finite;
    products += a * e;
    actual_squares += a * a;
    expected_squares += e * e;
  }
  Comparison result;
  if (actual_squares + expected_squares > 0) {
    result.similarity = 2 * products / (actual_squares + expected_squares);
  }
  const double rms = finite > 0 ? std::sqrt(expected_squares / static_cast<double>(finite)) : 0;
  for (int64_t i = 0; i < count; ++i) {
    const double a = actual.data[i];
    const double e = expected.data[i];
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    const double error = std::fabs(a - e);
    // Written so that a NaN on one side is wrong.
    const bool within = error <= tolerance.rms * rms + tolerance.relative * std::fabs(e);
    if (!within && result.first_wrong < 0) result.first_wrong = i;
    if (!(error <= result.largest_error)) {
      result.largest_error = error;
      result.largest_at = i;
    }
  }
  return result;
}

/// Whether two matrices of the same shape agree, with everything a person needs if they do not.
inline ::testing::AssertionResult Near(ConstMatrix actual, ConstMatrix expected,
                                       Tolerance tolerance) {
  if (actual.rows != expected.rows || actual.cols != expected.cols) {
    return ::testing::AssertionFailure()
           << fmt::format("shape [{},{}], expected [{},{}]", actual.rows, actual.cols,
                          expected.rows, expected.cols);
  }
  const Comparison result = Compare(actual, expected, tolerance);
  if (result.first_wrong < 0) return ::testing::AssertionSuccess();
  const auto place = [&](int64_t i) {
    return fmt::format("[{},{}]: {:.9g}, expected {:.9g}", i / expected.cols, i % expected.cols,
                       actual.data[i], expected.data[i]);
  };
  return ::testing::AssertionFailure() << fmt::format(
             "similarity {:.9f}\nlargest error {:.3g} at {}\nfirst wrong at {}", result.similarity,
             result.largest_error, place(result.largest_at), place(result.first_wrong));
}

}  // namespace facet::testing
