#include "eval/logit_compare.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "eval/log_softmax.h"

namespace facet {
namespace {

/// What the rows of a comparison add up to.
struct Totals {
  double reference_nll = 0;
  double candidate_nll = 0;
  int64_t same_top1 = 0;
  std::vector<double> kl;  // one a token
};

std::span<const float> Row(ConstMatrix logits, int64_t row) {
  return {logits.row(row), static_cast<size_t>(logits.cols)};
}

Result<void> AddRows(std::span<const ConstMatrix> logits, std::span<const int32_t> targets,
                     ThreadPool& threads, Totals& totals) {
  std::vector<RowComparison> rows(targets.size());
  threads.ParallelFor(logits[0].rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      rows[static_cast<size_t>(row)] = CompareRows(Row(logits[0], row), Row(logits[1], row));
    }
  });
  for (size_t i = 0; i < rows.size(); ++i) {  // in order, whatever the threads did
    if (!std::isfinite(rows[i].kl)) {
      return Fail(ErrorCode::kInvalidData, "a model's logits are not finite");
    }
    const auto target = static_cast<size_t>(targets[i]);
    const auto row = static_cast<int64_t>(i);
    totals.reference_nll += rows[i].reference_log_sum - Row(logits[0], row)[target];
    totals.candidate_nll += rows[i].candidate_log_sum - Row(logits[1], row)[target];
    totals.same_top1 += rows[i].same_top1 ? 1 : 0;
    totals.kl.push_back(rows[i].kl);
  }
  return {};
}

PerplexityReport ReportOf(double nll, int64_t tokens, bool partial) {
  const double mean = nll / static_cast<double>(tokens);
  return {.perplexity = std::exp(mean), .mean_nll = mean, .tokens = tokens, .partial = partial};
}

/// The nearest-rank quantile of sorted values.
double Quantile(std::span<const double> sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

}  // namespace

Result<ComparisonReport> CompareModels(const ScoredModel& reference, const ScoredModel& candidate,
                                       std::span<const int32_t> text,
                                       const ScoringProtocol& protocol, ThreadPool& threads,
                                       const RunControl& control) {
  if (reference.model->config().vocabulary != candidate.model->config().vocabulary) {
    return Fail(ErrorCode::kUsage, "the reference has a vocabulary of {}, the candidate of {}",
                reference.model->config().vocabulary, candidate.model->config().vocabulary);
  }
  Totals totals;
  const ScoredModel models[] = {reference, candidate};
  const SliceFn score = [&](std::span<const ConstMatrix> logits, std::span<const int32_t> targets) {
    return AddRows(logits, targets, threads, totals);
  };
  FACET_TRY(const Extent extent, ScoreText(models, text, protocol, score, control));

  const bool partial = extent == Extent::kPart;
  const auto tokens = static_cast<int64_t>(totals.kl.size());
  double kl_sum = 0;
  for (const double kl : totals.kl) kl_sum += kl;
  std::sort(totals.kl.begin(), totals.kl.end());
  return ComparisonReport{
      .reference = ReportOf(totals.reference_nll, tokens, partial),
      .candidate = ReportOf(totals.candidate_nll, tokens, partial),
      .mean_kl = kl_sum / static_cast<double>(tokens),
      .median_kl = Quantile(totals.kl, 0.5),
      .p99_kl = Quantile(totals.kl, 0.99),
      .p999_kl = Quantile(totals.kl, 0.999),
      .max_kl = totals.kl.back(),
      .same_top1 = static_cast<double>(totals.same_top1) / static_cast<double>(tokens)};
}

}  // namespace facet
