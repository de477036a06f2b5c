// Probabilities from float32 logits, in double.
#pragma once

#include <cstdint>
#include <span>

namespace facet {

/// How one row of logits differs from a reference's.
struct RowComparison {
  double reference_log_sum = 0;
  double candidate_log_sum = 0;
  double kl = 0;           ///< KL(reference || candidate), natural; exactly 0 for equal rows
  bool same_top1 = false;  ///< the same token has the largest logit (lowest id among equals)
};

/// Rows of the same length. kl is never negative, and not finite if a logit is not.
RowComparison CompareRows(std::span<const float> reference, std::span<const float> candidate);

}  // namespace facet
