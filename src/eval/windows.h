// How a text is cut into windows to be scored: the protocol of a measurement.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace facet {

/// Results of different protocols must not be compared.
struct ScoringProtocol {
  /// Tokens of a window: `prefix`, then context - prefix text tokens.
  int64_t context = 0;
  /// Text tokens from one window's start to the next. 0: as many as a window holds, so that each is
  /// scored alone. Less: windows overlap, and each scores only what the ones before did not.
  int64_t stride = 0;
  /// In front of every window's text, never scored: BOS, the opening of a turn.
  std::vector<int32_t> prefix = {};

  int64_t window_text() const { return context - static_cast<int64_t>(prefix.size()); }
};

/// Text tokens [begin, end), of which [scored_from, end) are scored.
struct ScoringWindow {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t scored_from = 0;
};

/// Cuts a text of `tokens` tokens.
/// Windows alone: window i begins at i * window_text() while that + context < tokens, which drops a
/// last partial one (and is the rule of the golden data, so that numbers can be compared); a text
/// too short for one window is one window as far as it goes. Overlapping windows: to the text's
/// end; every token is scored once. Without a prefix the text's very first token is not scored, nor
/// is the first of a window alone: nothing stands before it.
/// kUsage for a context or stride that makes no sense, kInvalidData if nothing is left to score.
Result<std::vector<ScoringWindow>> CutWindows(int64_t tokens, const ScoringProtocol& protocol);

/// Number of tokens that the windows score.
int64_t TokensScored(std::span<const ScoringWindow> windows);

}  // namespace facet
