// How far logits are from a reference: relative error, and whether the most probable token is the
// same.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/bf16.h"

namespace facet::testing {

/// A reference decides a position if its two largest logits are further apart than this many times
/// the root mean square of the position's differences: two differences of that size, independent
/// and normal, would swap them at one in 400 positions that are just as far apart.
inline constexpr double kDecidingMargin = 4;

struct LogitDifference {
  double difference = 0;  ///< sum of squared differences
  double norm = 0;        ///< sum of the reference's squares
  int64_t positions = 0;
  int64_t same_top = 0;  ///< positions with the reference's most probable token
  int64_t decided = 0;   ///< positions that the reference decides
  int64_t decided_same_top = 0;

  /// ||a - b|| / ||b||; NaN if there is one.
  double relative_error() const { return std::sqrt(difference / norm); }
  void Add(const LogitDifference& other) {
    difference += other.difference;
    norm += other.norm;
    positions += other.positions;
    same_top += other.same_top;
    decided += other.decided;
    decided_same_top += other.decided_same_top;
  }
};

inline float ToFloat(float value) { return value; }
inline float ToFloat(uint16_t bf16) { return FloatFromBf16(bf16); }

/// Logits are float32 or the bits of BF16.
template <typename T>
concept Logit = std::same_as<T, float> || std::same_as<T, uint16_t>;

/// One position. The first of equal logits counts as the largest.
template <Logit T, Logit U>
LogitDifference DifferenceOfPosition(std::span<const T> logits, std::span<const U> reference) {
  LogitDifference result{.positions = 1};
  size_t top = 0;
  size_t expected_top = 0;
  double second = -INFINITY;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double value = ToFloat(logits[i]);
    const double expected = ToFloat(reference[i]);
    result.difference += (value - expected) * (value - expected);
    result.norm += expected * expected;
    if (value > ToFloat(logits[top])) top = i;
    if (i == 0) continue;
    const double largest = ToFloat(reference[expected_top]);
    if (expected > largest) expected_top = i;
    second = std::max(second, std::min(expected, largest));
  }
  const double noise = std::sqrt(result.difference / static_cast<double>(reference.size()));
  const double margin = ToFloat(reference[expected_top]) - second;
  result.same_top = top == expected_top ? 1 : 0;
  result.decided = margin > kDecidingMargin * noise ? 1 : 0;
  result.decided_same_top = result.decided * result.same_top;
  return result;
}

/// All positions of [positions, vocabulary]; the same result with any number of threads.
template <Logit T, Logit U>
LogitDifference Difference(std::span<const T> logits, std::span<const U> reference,
                           int64_t vocabulary, ThreadPool& threads) {
  const auto width = static_cast<size_t>(vocabulary);
  const auto positions = static_cast<int64_t>(reference.size() / width);
  std::vector<LogitDifference> parts(static_cast<size_t>(positions));
  threads.ParallelFor(positions, 1, [&](int64_t begin, int64_t end, int) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      parts[i] = DifferenceOfPosition(logits.subspan(i * width, width),
                                      reference.subspan(i * width, width));
    }
  });
  LogitDifference sum;
  for (const LogitDifference& part : parts) sum.Add(part);
  return sum;
}

}  // namespace facet::testing
