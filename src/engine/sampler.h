// Logits to one token: a pure function of logits, parameters and position. Owns no state.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "checkpoint/generation_config.h"
#include "kernels/backend.h"

namespace facet {

struct SamplingParams {
  double temperature = 0;  ///< 0: greedy, whatever top_k and top_p say
  int64_t top_k = 0;       ///< candidates kept, the lowest ids among equals; 0: all
  double top_p = 1;  ///< kept: the fewest candidates whose probabilities reach this, in (0, 1]
  uint64_t seed = 0;
};

/// What the publisher wants: greedy unless do_sample. The seed is 0.
SamplingParams SamplingDefaults(const GenerationConfig& config);

/// kUsage, naming the parameter, for a negative or infinite temperature, a negative top_k, a top_p
/// outside (0, 1].
Result<void> CheckSampling(const SamplingParams& params);

/// Chooses the token that stands at `position` of its sequence. In this order: ids in `suppressed`
/// are out, greedy included; logits are divided by the temperature; top_k; top_p, over the
/// probabilities of what top_k left; one draw, which depends on (seed, position) alone. Greedy
/// takes the lowest id among the largest logits. Ids of `suppressed` outside the vocabulary are
/// ignored.
/// kInvalidData if a logit is NaN or +infinity, or if nothing is left to choose: a sign of broken
/// weights that must not pass for an answer.
Result<int32_t> Sample(std::span<const float> logits, std::span<const int32_t> suppressed,
                       const SamplingParams& params, uint64_t position);

/// How many of the largest logits decide as all would; 0: all are needed.
int64_t LogitsNeeded(std::span<const int32_t> suppressed, const SamplingParams& params);

/// The same choice from the LogitsNeeded() largest logits, as Backend::TopK() ranks them.
Result<int32_t> SampleRanked(std::span<const RankedValue> ranked,
                             std::span<const int32_t> suppressed, const SamplingParams& params,
                             uint64_t position);

/// An answer token's log probability (natural) among all tokens of the vocabulary, before
/// suppression and temperature.
struct TokenScore {
  int32_t id = 0;
  double logprob = 0;
};

/// Scores of `id`, then of the `top` most likely tokens, likeliest first (lowest id among equals).
std::vector<TokenScore> ScoreTokens(std::span<const float> logits, int32_t id, int64_t top);

}  // namespace facet
