// Filters of lists and dicts.
#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/filter_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/string_functions.h"
#include "text/jinja/tests.h"

namespace facet::jinja {
namespace {

Result<Value> Join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "join", {"d", "attribute"}));
  FACET_TRY(auto items, Iterate(runtime, input));
  if (bound[1]) {
    for (Value& item : items) {
      FACET_TRY(item, AttributePath(runtime, item, *bound[1]));
    }
  }
  FACET_TRY(const Value nothing, runtime.MakeTrusted(""));
  return JoinTexts(runtime, items, bound[0].value_or(nothing));
}

Result<Value> LengthFilter(Runtime&, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "length", {}));
  FACET_TRY(const int64_t length, Length(input));
  return Value{length};
}

Result<Value> ListFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "list", {}));
  FACET_TRY(auto items, Iterate(runtime, input));
  return runtime.MakeList(std::move(items));
}

Result<Value> ItemsFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "items", {}));
  if (input.is_undefined()) return runtime.MakeList({});
  if (input.dict() == nullptr) {
    return Fail(ErrorCode::kInvalidData, "items: expected a dict, got {}", TypeName(input));
  }
  FACET_TRY(const Value method, Attribute(runtime, input, "items"));
  return method.function()->call({});
}

template <bool kLast>
Result<Value> End(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, kLast ? "last" : "first", {}));
  FACET_TRY(const int64_t length, input.dict() != nullptr ? 1 : Length(input));
  if (length == 0) return runtime.MakeUndefined("the sequence was empty");
  if (input.dict() == nullptr) return Subscript(runtime, input, Value{int64_t{kLast ? -1 : 0}});
  FACET_TRY(const auto keys, Iterate(runtime, input));
  if (keys.empty()) return runtime.MakeUndefined("the sequence was empty");
  return kLast ? keys.back() : keys.front();
}

Result<Value> Reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "reverse", {}));
  if (input.text() != nullptr) {
    return Slice(runtime, input, {.step = Value{int64_t{-1}}});
  }
  FACET_TRY(auto items, Iterate(runtime, input));
  std::ranges::reverse(items);
  return runtime.MakeList(std::move(items));
}

Result<Value> Sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "sum", {"attribute", "start"}));
  FACET_TRY(const auto items, Iterate(runtime, input));
  Value sum = bound[1].value_or(Value{int64_t{0}});
  if (sum.text() != nullptr) return Fail(ErrorCode::kInvalidData, "sum: cannot sum strings");
  for (const Value& item : items) {
    FACET_TRY(const Value term, AttributePath(runtime, item, bound[0].value_or(Value{None{}})));
    FACET_TRY(sum, Apply(runtime, Operator::kAdd, sum, term));
  }
  return sum;
}

/// Arguments behind the first `count`.
Arguments Rest(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

Result<Value> MapToAttribute(Runtime& runtime, std::vector<Value> items,
                             const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "map", {"attribute", "default"}));
  for (Value& item : items) {
    FACET_TRY(item, AttributePath(runtime, item, *bound[0], bound[1]));
  }
  return runtime.MakeList(std::move(items));
}

/// The items of `input`; none for whatever is false, even where that has no items at all.
Result<std::vector<Value>> ItemsIfTrue(Runtime& runtime, const Value& input) {
  if (!IsTrue(input)) return std::vector<Value>{};
  return Iterate(runtime, input);
}

Result<Value> Map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(auto items, ItemsIfTrue(runtime, input));
  const bool by_attribute = std::ranges::any_of(
      arguments.named, [](const auto& named) { return named.first == "attribute"; });
  if (arguments.positional.empty() && by_attribute) {
    return MapToAttribute(runtime, std::move(items), arguments);
  }
  const Text* name = arguments.positional.empty() ? nullptr : arguments.positional[0].text();
  if (name == nullptr) return Fail(ErrorCode::kInvalidData, "map requires a filter argument");
  const FilterFn filter = FindFilter(name->bytes());
  if (filter == nullptr) {
    return Fail(ErrorCode::kUnsupported, "the filter '{}' is not supported", name->bytes());
  }
  const Arguments rest = Rest(arguments, 1);
  for (Value& item : items) {
    FACET_RETURN_IF_ERROR(runtime.Spend(1));
    FACET_TRY(item, filter(runtime, item, rest));
  }
  return runtime.MakeList(std::move(items));
}

/// select, reject, selectattr, rejectattr.
template <bool kAttribute, bool kKeep>
Result<Value> Choose(Runtime& runtime, const Value& input, const Arguments& arguments) {
  constexpr size_t kOffset = kAttribute ? 1 : 0;
  if (arguments.positional.size() < kOffset) {
    return Fail(ErrorCode::kInvalidData, "Missing parameter for attribute name");
  }
  TestFn test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > kOffset) {
    const Text* name = arguments.positional[kOffset].text();
    test = name == nullptr ? nullptr : FindTest(name->bytes());
    if (test == nullptr) {
      return Fail(ErrorCode::kUnsupported, "the test '{}' is not supported",
                  name == nullptr ? "" : name->bytes());
    }
    rest = Rest(arguments, kOffset + 1);
  }
  FACET_TRY(const auto items, ItemsIfTrue(runtime, input));
  std::vector<Value> chosen;
  for (const Value& item : items) {
    FACET_RETURN_IF_ERROR(runtime.Spend(1));
    Value tested = item;
    if (kAttribute) {
      FACET_TRY(tested, AttributePath(runtime, item, arguments.positional[0]));
    }
    bool keep = IsTrue(tested);
    if (test != nullptr) {
      FACET_TRY(keep, test(runtime, tested, rest));
    }
    if (keep == kKeep) chosen.push_back(item);
  }
  return runtime.MakeList(std::move(chosen));
}

Result<Value> Batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "batch", {"linecount", "fill_with"}));
  const int64_t size = bound[0] ? AsInt(*bound[0]).value_or(0) : 0;
  if (size <= 0) return Fail(ErrorCode::kInvalidData, "batch: expected a positive number");
  FACET_TRY(const auto items, Iterate(runtime, input));
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (size_t i = 0; i < items.size(); ++i) {
    batch.push_back(items[i]);
    const bool last = i + 1 == items.size();
    if (last && bound[1] && !bound[1]->is_none()) {
      if (size > static_cast<int64_t>(Runtime::kMaxItems)) {
        return Fail(ErrorCode::kResource, "batch: {} items", size);
      }
      batch.resize(static_cast<size_t>(size), *bound[1]);
    }
    if (!last && static_cast<int64_t>(batch.size()) < size) continue;
    FACET_TRY(const Value made, runtime.MakeList(std::exchange(batch, {})));
    batches.push_back(made);
  }
  return runtime.MakeList(std::move(batches));
}

constexpr std::array kFilters = {
    NamedFilter{"batch", Batch},
    NamedFilter{"count", LengthFilter},
    NamedFilter{"first", End<false>},
    NamedFilter{"items", ItemsFilter},
    NamedFilter{"join", Join},
    NamedFilter{"last", End<true>},
    NamedFilter{"length", LengthFilter},
    NamedFilter{"list", ListFilter},
    NamedFilter{"map", Map},
    NamedFilter{"reject", Choose<false, false>},
    NamedFilter{"rejectattr", Choose<true, false>},
    NamedFilter{"reverse", Reverse},
    NamedFilter{"select", Choose<false, true>},
    NamedFilter{"selectattr", Choose<true, true>},
    NamedFilter{"sum", Sum},
};

}  // namespace

FilterFn FindListFilter(std::string_view name) { return FindIn(kFilters, name); }

}  // namespace facet::jinja
