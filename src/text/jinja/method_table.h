// What the files of methods share.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "text/jinja/access.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

using Method = Result<Value> (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

struct NamedMethod {
  std::string_view name;
  Method call;
};

/// Methods of strings that look for something in them, and the others.
std::span<const NamedMethod> StringSearchMethods();
std::span<const NamedMethod> StringMethods();

/// An argument is not what a method takes.
inline tl::unexpected<Error> WrongType(std::string_view method, std::string_view expected,
                                       const Value& found) {
  return Fail(ErrorCode::kInvalidData, "{}: expected {}, got {}", method, expected,
              TypeName(found));
}

/// A text argument; null if it is missing or None.
inline Result<const Text*> TextArgument(const std::optional<Value>& value,
                                        std::string_view method) {
  if (!value || value->is_none()) return nullptr;
  if (value->text() == nullptr) return WrongType(method, "str", *value);
  return value->text();
}

/// The same; kInvalidData if it is missing.
inline Result<const Text*> NeededText(const std::optional<Value>& value, std::string_view method) {
  FACET_TRY(const Text* text, TextArgument(value, method));
  if (text == nullptr) return Fail(ErrorCode::kInvalidData, "{}: an argument is missing", method);
  return text;
}

/// A whole number; `missing` if the argument is missing or None.
inline Result<int64_t> IntArgument(const std::optional<Value>& value, int64_t missing,
                                   std::string_view method) {
  if (!value || value->is_none()) return missing;
  const auto integer = AsInt(*value);
  if (!integer) return WrongType(method, "int", *value);
  return *integer;
}

}  // namespace facet::jinja
