// Tokens to the tree of a template.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/ast.h"

namespace facet::jinja {

/// Levels of nesting that a template may have. The functions that walk the tree recurse.
inline constexpr int kMaxTreeDepth = 100;

/// kInvalidData for what is not a template, kUnsupported for tags, filters and tests that are not
/// supported (by name), kResource for one that is nested too deep.
Result<Block> ParseTemplate(std::string_view source);

}  // namespace facet::jinja
