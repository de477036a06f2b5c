// Patterns over module names, as the exclusion lists of checkpoints use them. Internal to
// quant_config.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace facet {

/// Shell glob over the whole name, case-sensitive: "*" matches any run of characters, dots
/// included, "?" one character. Linear memory, at most |pattern| x |name| steps.
bool MatchesGlob(std::string_view pattern, std::string_view name);

/// Fails with kUnsupported if MatchesRegex() cannot read `pattern`.
Result<void> CheckRegex(const std::string& pattern);

/// Regular expression matched from the start of the name, not necessarily to its end. Polynomial
/// time, whatever the pattern. False for a pattern that CheckRegex() refuses.
bool MatchesRegex(const std::string& pattern, std::string_view name);

}  // namespace facet
