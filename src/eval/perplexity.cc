#include "eval/perplexity.h"

#include <cmath>
#include <vector>

#include "engine/log_sum_exp.h"

namespace facet {

Result<PerplexityReport> MeasurePerplexity(const ScoredModel& model, std::span<const int32_t> text,
                                           const ScoringProtocol& protocol, ThreadPool& threads,
                                           const RunControl& control) {
  PerplexityReport report;
  double total = 0;
  const SliceFn score = [&](std::span<const ConstMatrix> logits,
                            std::span<const int32_t> targets) -> Result<void> {
    std::vector<double> losses(targets.size());
    threads.ParallelFor(logits[0].rows, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const std::span values(logits[0].row(row), static_cast<size_t>(logits[0].cols));
        const auto i = static_cast<size_t>(row);
        losses[i] = LogSumExp(values) - values[static_cast<size_t>(targets[i])];
      }
    });
    for (const double loss : losses) total += loss;  // in order, whatever the threads did
    report.tokens += static_cast<int64_t>(losses.size());
    if (!std::isfinite(total)) {
      return Fail(ErrorCode::kInvalidData, "the model's logits are not finite");
    }
    return {};
  };
  FACET_TRY(const Extent extent, ScoreText({&model, 1}, text, protocol, score, control));
  report.partial = extent == Extent::kPart;
  report.mean_nll = total / static_cast<double>(report.tokens);
  report.perplexity = std::exp(report.mean_nll);
  return report;
}

}  // namespace facet
