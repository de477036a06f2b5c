// What the files of filters share.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "text/jinja/filters.h"

namespace facet::jinja {

struct NamedFilter {
  std::string_view name;
  FilterFn call;
};

/// Null if no filter of the table has the name.
inline FilterFn FindIn(std::span<const NamedFilter> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &NamedFilter::name);
  return found == table.end() ? nullptr : found->call;
}

/// An argument that is a flag.
inline bool IsTrueOr(const std::optional<Value>& value, bool missing) {
  return value ? IsTrue(*value) : missing;
}

}  // namespace facet::jinja
