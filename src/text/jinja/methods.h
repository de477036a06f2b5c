// The methods of strings, lists and dicts that templates call.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

/// The method `name` of `value`, bound to it; nothing if Python has none. kUnsupported for those
/// that Python has and facet does not, such as the ones that would change the value, which the
/// sandbox of the reference forbids too.
Result<std::optional<Value>> FindMethod(Runtime& runtime, const Value& value,
                                        std::string_view name);

}  // namespace facet::jinja
