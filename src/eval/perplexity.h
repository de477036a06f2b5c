// Perplexity: how well a model predicts a text.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/run_control.h"
#include "base/thread_pool.h"
#include "eval/scoring.h"

namespace facet {

struct PerplexityReport {
  double perplexity = 0;  ///< exp(mean_nll)
  double mean_nll = 0;    ///< mean negative log likelihood of the scored tokens, natural
  int64_t tokens = 0;     ///< scored
  bool partial = false;   ///< stopped before the text's end: the numbers are of `tokens` alone
};

/// Scores `text` by `protocol`, in double from the model's float32 logits. Stopped, it reports what
/// it has. kInvalidData for logits that are not finite; otherwise as ScoreText().
Result<PerplexityReport> MeasurePerplexity(const ScoredModel& model, std::span<const int32_t> text,
                                           const ScoringProtocol& protocol, ThreadPool& threads,
                                           const RunControl& control);

}  // namespace facet
