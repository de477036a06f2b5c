// The normalizer of a softmax over float32 logits, in double.
#pragma once

#include <span>

namespace facet {

/// ln(sum of exp(logits)). Not finite if a logit is NaN or +infinity. `logits` is not empty.
double LogSumExp(std::span<const float> logits);

}  // namespace facet
