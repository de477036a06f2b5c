// The filters of the template language: value|name(arguments).
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

using FilterFn = Result<Value> (*)(Runtime& runtime, const Value& input,
                                   const Arguments& arguments);

/// Null for a name that is not supported. `safe` changes nothing: there is no escaping to be safe
/// from.
FilterFn FindFilter(std::string_view name);

/// The parts of the table: filters of texts, of numbers, of lists and dicts, and those that compare
/// items.
FilterFn FindTextFilter(std::string_view name);
FilterFn FindNumberFilter(std::string_view name);
FilterFn FindListFilter(std::string_view name);
FilterFn FindOrderFilter(std::string_view name);

}  // namespace facet::jinja
