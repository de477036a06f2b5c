// Escapes in the string literals of the template language.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace facet::jinja {

/// The value of a string literal between its quotes, by Python's rules. kInvalidData for a code
/// that is not one, kUnsupported for \N.
Result<std::string> ResolveEscapes(std::string_view body);

}  // namespace facet::jinja
