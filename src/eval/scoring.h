// A text through one or more models, window by window. Several windows go through a model in one
// step, and logits exist a slice at a time, so that memory stays bounded whatever the text's length
// and the vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/run_control.h"
#include "eval/windows.h"
#include "model/model.h"

namespace facet {

/// A model to score with, and how.
struct ScoredModel {
  const Model* model = nullptr;
  ActivationMode activations = ActivationMode::kBf16;
};

/// Gets the logits of some scored tokens: for every model [targets, vocabulary], and the tokens
/// that came next. Soft-capped, as the model gives them; suppressed tokens are not taken out.
using SliceFn = std::function<Result<void>(std::span<const ConstMatrix> logits,
                                           std::span<const int32_t> targets)>;

/// How far a text was scored.
enum class Extent {
  kWhole,
  kPart,  ///< stopped at the caller's wish
};

/// Runs the windows of `text` through every model and hands each scored token's logits to `score`
/// once, in the order of the text within a window. Reports progress in scored tokens, and looks
/// before every step but the first whether to stop. kUsage if the protocol or the mode does not fit
/// a model.
Result<Extent> ScoreText(std::span<const ScoredModel> models, std::span<const int32_t> text,
                         const ScoringProtocol& protocol, const SliceFn& score,
                         const RunControl& control);

}  // namespace facet
