#include "text/jinja/methods.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "text/jinja/access.h"
#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"

namespace facet::jinja {
namespace {

constexpr std::array<std::string_view, 12> kOtherStringAttributes = {
    "casefold",     "encode",    "expandtabs",  "format_map", "isascii",   "isdecimal",
    "isidentifier", "isnumeric", "isprintable", "istitle",    "maketrans", "translate"};

Result<Value> CountItems(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "count", {"value"}));
  int64_t count = 0;
  for (const Value& item : self.list()->items) {
    FACET_TRY(const bool equal, AreEqual(runtime, item, bound[0].value_or(Value{})));
    count += equal ? 1 : 0;
  }
  return Value{count};
}

Result<Value> IndexOfItem(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "index", {"value"}));
  int64_t index = 0;
  for (const Value& item : self.list()->items) {
    FACET_TRY(const bool equal, AreEqual(runtime, item, bound[0].value_or(Value{})));
    if (equal) return Value{index};
    ++index;
  }
  return Fail(ErrorCode::kInvalidData, "index: the value is not in the list");
}

Result<Value> CopyOf(Runtime&, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "copy", {}));
  return self;  // values do not change, so there is no difference
}

constexpr std::array kListMethods = {
    NamedMethod{"copy", CopyOf},
    NamedMethod{"count", CountItems},
    NamedMethod{"index", IndexOfItem},
};
/// What the sandbox of the reference forbids.
constexpr std::array<std::string_view, 8> kOtherListAttributes = {
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};

Result<Value> Get(Runtime&, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "get", {"key", "default"}));
  if (!bound[0]) return Fail(ErrorCode::kInvalidData, "get: an argument is missing");
  const Value* found = self.dict()->Find(*bound[0]);
  return found != nullptr ? *found : bound[1].value_or(Value{None{}});
}

Result<Value> Items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "items", {}));
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items()) {
    FACET_TRY(const Value item, runtime.MakeTuple({key, value}));
    items.push_back(item);
  }
  return runtime.MakeList(std::move(items));
}

Result<Value> Keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "keys", {}));
  FACET_TRY(auto keys, Iterate(runtime, self));
  return runtime.MakeList(std::move(keys));
}

Result<Value> Values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "values", {}));
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict()->items()) values.push_back(value);
  return runtime.MakeList(std::move(values));
}

constexpr std::array kDictMethods = {
    NamedMethod{"copy", CopyOf}, NamedMethod{"get", Get},       NamedMethod{"items", Items},
    NamedMethod{"keys", Keys},   NamedMethod{"values", Values},
};
constexpr std::array<std::string_view, 6> kOtherDictAttributes = {
    "clear", "fromkeys", "pop", "popitem", "setdefault", "update"};

Result<std::optional<Value>> Bound(Runtime& runtime, const Value& self,
                                   std::initializer_list<std::span<const NamedMethod>> tables,
                                   std::span<const std::string_view> others,
                                   std::string_view name) {
  if (std::ranges::find(others, name) != others.end()) {
    return Fail(ErrorCode::kUnsupported, "the method '{}' of a {} is not supported", name,
                TypeName(self));
  }
  for (const std::span<const NamedMethod> table : tables) {
    const auto found = std::ranges::find(table, name, &NamedMethod::name);
    if (found == table.end()) continue;
    const auto call = [&runtime, self, method = found->call](const Arguments& arguments) {
      return method(runtime, self, arguments);
    };
    FACET_TRY(const Value bound, runtime.MakeFunction({.name = std::string(name), .call = call}));
    return bound;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Value>> FindMethod(Runtime& runtime, const Value& value,
                                        std::string_view name) {
  if (value.text() != nullptr) {
    return Bound(runtime, value, {StringMethods(), StringSearchMethods()}, kOtherStringAttributes,
                 name);
  }
  if (value.list() != nullptr) {
    return Bound(runtime, value, {kListMethods}, kOtherListAttributes, name);
  }
  if (value.dict() != nullptr) {
    return Bound(runtime, value, {kDictMethods}, kOtherDictAttributes, name);
  }
  return std::nullopt;
}

}  // namespace facet::jinja
