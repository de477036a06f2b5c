// The tests of the template language: value is name(argument).
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

using TestFn = Result<bool> (*)(Runtime& runtime, const Value& input, const Arguments& arguments);

/// Null for a name that is not supported.
TestFn FindTest(std::string_view name);

}  // namespace facet::jinja
