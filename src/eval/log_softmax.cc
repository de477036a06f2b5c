#include "eval/log_softmax.h"

#include <algorithm>
#include <cmath>

#include "engine/log_sum_exp.h"

namespace facet {
namespace {

/// Rounding may leave a divergence at -1e-16. NaN stays NaN.
double NotNegative(double x) { return x < 0 ? 0 : x; }

}  // namespace

RowComparison CompareRows(std::span<const float> reference, std::span<const float> candidate) {
  const auto top = std::max_element(reference.begin(), reference.end());
  const double largest = *top;
  double sum = 0;
  double weighted = 0;  // sum of exp(reference) * (reference - candidate)
  for (size_t i = 0; i < reference.size(); ++i) {
    const double r = reference[i];
    const double weight = std::exp(r - largest);
    sum += weight;
    weighted += weight * (r - static_cast<double>(candidate[i]));
  }
  RowComparison row;
  row.reference_log_sum = largest + std::log(sum);
  row.candidate_log_sum = LogSumExp(candidate);
  // Sum of p (ln p - ln q), with ln p = reference - its log sum and ln q = candidate - its log sum.
  row.kl = NotNegative(weighted / sum + (row.candidate_log_sum - row.reference_log_sum));
  const auto candidate_top = std::max_element(candidate.begin(), candidate.end());
  row.same_top1 = top - reference.begin() == candidate_top - candidate.begin();
  return row;
}

}  // namespace facet
