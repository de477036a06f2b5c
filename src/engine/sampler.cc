#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "base/random.h"
#include "engine/log_sum_exp.h"

namespace facet {
namespace {

/// A token that may be chosen.
struct Candidate {
  int32_t id = 0;
  float logit = 0;
};

/// Likeliest first, lowest id among equals: the one order of candidates.
bool Before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

std::vector<Candidate> AllOf(std::span<const float> logits) {
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  for (const float logit : logits) {
    candidates.push_back({static_cast<int32_t>(candidates.size()), logit});
  }
  return candidates;
}

/// Those of `all` that may be chosen.
Result<std::vector<Candidate>> Allowed(std::span<const Candidate> all,
                                       std::span<const int32_t> suppressed) {
  const std::unordered_set<int32_t> out(suppressed.begin(), suppressed.end());
  std::vector<Candidate> candidates;
  candidates.reserve(all.size());
  for (const Candidate& candidate : all) {
    const float logit = candidate.logit;
    if (std::isnan(logit) || logit == std::numeric_limits<float>::infinity()) {
      return Fail(ErrorCode::kInvalidData, "the model's logit of token {} is {}", candidate.id,
                  logit);
    }
    if (std::isfinite(logit) && !out.contains(candidate.id)) candidates.push_back(candidate);
  }
  if (candidates.empty()) {
    return Fail(ErrorCode::kInvalidData, "every token is suppressed or has the logit -inf");
  }
  return candidates;
}

void KeepTopK(int64_t top_k, std::vector<Candidate>& candidates) {
  const auto count = static_cast<int64_t>(candidates.size());
  if (top_k == 0 || top_k >= count) return;
  std::nth_element(candidates.begin(), candidates.begin() + top_k, candidates.end(), Before);
  candidates.resize(static_cast<size_t>(top_k));
}

/// exp((logit - largest) / temperature) of every candidate: in [0, 1], 1 for the first, whatever
/// the temperature.
std::vector<double> Weights(std::span<const Candidate> candidates, double temperature) {
  const double largest = candidates.front().logit;
  std::vector<double> weights;
  weights.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    const double below = static_cast<double>(candidate.logit) - largest;
    weights.push_back(below == 0 ? 1 : std::exp(below / temperature));
  }
  return weights;
}

double Sum(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// Number of first weights that together reach `target`; at least 1.
size_t CountToReach(std::span<const double> weights, double target) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (sum >= target) return i + 1;
  }
  return weights.size();
}

/// The index whose share of the summed weights holds `unit` in [0, 1).
size_t Draw(std::span<const double> weights, double unit) {
  const double target = unit * Sum(weights);
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (target < sum) return i;
  }
  return 0;  // rounding of the sum put the target on its end
}

Result<int32_t> Choose(std::span<const Candidate> all, std::span<const int32_t> suppressed,
                       const SamplingParams& params, uint64_t position) {
  FACET_RETURN_IF_ERROR(CheckSampling(params));
  FACET_TRY(std::vector<Candidate> candidates, Allowed(all, suppressed));
  if (params.temperature == 0) {
    return std::min_element(candidates.begin(), candidates.end(), Before)->id;
  }
  KeepTopK(params.top_k, candidates);
  std::sort(candidates.begin(), candidates.end(), Before);
  std::vector<double> weights = Weights(candidates, params.temperature);
  if (params.top_p < 1) weights.resize(CountToReach(weights, params.top_p * Sum(weights)));
  return candidates[Draw(weights, RandomUnit(params.seed, position))].id;
}

}  // namespace

SamplingParams SamplingDefaults(const GenerationConfig& config) {
  return {.temperature = config.do_sample ? config.temperature : 0,
          .top_k = config.top_k,
          .top_p = config.top_p};
}

Result<void> CheckSampling(const SamplingParams& params) {
  if (!std::isfinite(params.temperature) || params.temperature < 0) {
    return Fail(ErrorCode::kUsage, "temperature {}: expected 0 (greedy) or more",
                params.temperature);
  }
  if (params.top_k < 0) {
    return Fail(ErrorCode::kUsage, "top_k {}: expected 0 (off) or more", params.top_k);
  }
  if (!(params.top_p > 0 && params.top_p <= 1)) {
    return Fail(ErrorCode::kUsage, "top_p {}: expected more than 0 and at most 1", params.top_p);
  }
  return {};
}

Result<int32_t> Sample(std::span<const float> logits, std::span<const int32_t> suppressed,
                       const SamplingParams& params, uint64_t position) {
  return Choose(AllOf(logits), suppressed, params, position);
}

int64_t LogitsNeeded(std::span<const int32_t> suppressed, const SamplingParams& params) {
  const int64_t kept = params.temperature == 0 ? 1 : params.top_k;
  return kept == 0 ? 0 : kept + static_cast<int64_t>(suppressed.size());
}

Result<int32_t> SampleRanked(std::span<const RankedValue> ranked,
                             std::span<const int32_t> suppressed, const SamplingParams& params,
                             uint64_t position) {
  std::vector<Candidate> candidates;
  for (const RankedValue& value : ranked) candidates.push_back({value.column, value.value});
  return Choose(candidates, suppressed, params, position);
}

std::vector<TokenScore> ScoreTokens(std::span<const float> logits, int32_t id, int64_t top) {
  std::vector<Candidate> candidates = AllOf(logits);
  const auto count = std::min(top, static_cast<int64_t>(candidates.size()));
  std::partial_sort(candidates.begin(), candidates.begin() + count, candidates.end(), Before);

  const double log_sum = LogSumExp(logits);
  std::vector<TokenScore> scores = {{id, logits[static_cast<size_t>(id)] - log_sum}};
  for (int64_t i = 0; i < count; ++i) {
    const Candidate& candidate = candidates[static_cast<size_t>(i)];
    scores.push_back({candidate.id, candidate.logit - log_sum});
  }
  return scores;
}

}  // namespace facet
