// Two models on the same text: how far a candidate's predictions are from a reference's.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/run_control.h"
#include "base/thread_pool.h"
#include "eval/perplexity.h"
#include "eval/scoring.h"

namespace facet {

/// KL is KL(reference || candidate) of the next token's distribution, natural, one value a scored
/// token. Quantiles are nearest-rank: the smallest value that at least this share of all values
/// does not exceed.
struct ComparisonReport {
  PerplexityReport reference;
  PerplexityReport candidate;
  double mean_kl = 0;
  double median_kl = 0;
  double p99_kl = 0;
  double p999_kl = 0;
  double max_kl = 0;
  double same_top1 = 0;  ///< share of tokens whose likeliest prediction is the same, 0..1
};

/// Stopped, it reports what it has, `partial` in both models' reports. kUsage for vocabularies of
/// different sizes; kInvalidData for logits that are not finite;
/// otherwise as ScoreText(). Holds one double a scored token.
Result<ComparisonReport> CompareModels(const ScoredModel& reference, const ScoredModel& candidate,
                                       std::span<const int32_t> text,
                                       const ScoringProtocol& protocol, ThreadPool& threads,
                                       const RunControl& control);

}  // namespace facet
