// Filters of lists and dicts.
#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_functions.h"
#include "text/jinja/tests.h"

namespace facet::jinja {
namespace {

bool IsTrueOr(const std::optional<Value>& value, bool missing) {
  return value ? IsTrue(*value) : missing;
}

/// The value to sort or compare by: the attribute if there is one, texts in lower case unless
/// asked.
Result<Value> KeyOf(Runtime& runtime, const Value& item, const std::optional<Value>& attribute,
                    bool case_sensitive) {
  FACET_TRY(const Value key, AttributePath(runtime, item, attribute.value_or(Value{None{}})));
  if (case_sensitive || key.text() == nullptr) return key;
  return ChangeCase(runtime, *key.text(), Case::kLower);
}

struct Keyed {
  std::vector<Value> keys;  ///< compared one after another
  Value item;
};

/// left < right of the keys.
Result<bool> IsKeyLess(Runtime& runtime, const Keyed& left, const Keyed& right) {
  for (size_t i = 0; i < left.keys.size(); ++i) {
    FACET_TRY(const bool less, IsLess(runtime, left.keys[i], right.keys[i]));
    if (less) return true;
    FACET_TRY(const bool greater, IsLess(runtime, right.keys[i], left.keys[i]));
    if (greater) return false;
  }
  return false;
}

/// A stable merge sort. std::stable_sort cannot stop at an error, and an order that changes its
/// mind (NaN) would be undefined behaviour there.
Result<void> Sort(Runtime& runtime, std::span<Keyed> items, bool reverse) {
  if (items.size() < 2) return {};
  const size_t half = items.size() / 2;
  FACET_RETURN_IF_ERROR(Sort(runtime, items.first(half), reverse));
  FACET_RETURN_IF_ERROR(Sort(runtime, items.subspan(half), reverse));
  std::vector<Keyed> merged;
  merged.reserve(items.size());
  size_t left = 0;
  size_t right = half;
  while (left < half && right < items.size()) {
    // On ties the left one comes first, also in reverse, as in Python.
    FACET_TRY(const bool take_right, reverse ? IsKeyLess(runtime, items[left], items[right])
                                             : IsKeyLess(runtime, items[right], items[left]));
    merged.push_back(std::move(items[take_right ? right++ : left++]));
  }
  while (left < half) merged.push_back(std::move(items[left++]));
  while (right < items.size()) merged.push_back(std::move(items[right++]));
  std::ranges::move(merged, items.begin());
  return {};
}

Result<Value> SortedItems(Runtime& runtime, std::vector<Keyed> keyed, bool reverse) {
  FACET_RETURN_IF_ERROR(Sort(runtime, keyed, reverse));
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(entry.item);
  return runtime.MakeList(std::move(items));
}

Result<Value> DictSort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "dictsort", {"case_sensitive", "by", "reverse"}));
  const Dict* dict = input.dict();
  if (dict == nullptr) return Fail(ErrorCode::kInvalidData, "dictsort: expected a dict");
  const Text* by = bound[1] ? bound[1]->text() : nullptr;
  const std::string_view which = by == nullptr ? "key" : by->bytes();
  if (which != "key" && which != "value") {
    return Fail(ErrorCode::kInvalidData, "dictsort: by must be \"key\" or \"value\"");
  }
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : dict->items()) {
    FACET_TRY(const Value item, runtime.MakeTuple({key, value}));
    FACET_TRY(const Value sort_key, KeyOf(runtime, which == "key" ? key : value, std::nullopt,
                                          IsTrueOr(bound[0], false)));
    keyed.push_back({{sort_key}, item});
  }
  return SortedItems(runtime, std::move(keyed), IsTrueOr(bound[2], false));
}

/// "a,b" names two attributes.
Result<std::vector<Value>> AttributeList(Runtime& runtime, const std::optional<Value>& attribute) {
  if (!attribute || attribute->text() == nullptr) {
    return std::vector<Value>{attribute.value_or(Value{None{}})};
  }
  FACET_TRY(const Value comma, runtime.MakeTrusted(","));
  FACET_TRY(const Value parts, SplitText(runtime, *attribute->text(), comma.text(), -1, false));
  return parts.list()->items;
}

Result<Value> SortFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "sort", {"reverse", "case_sensitive", "attribute"}));
  FACET_TRY(const auto attributes, AttributeList(runtime, bound[2]));
  FACET_TRY(const auto items, Iterate(runtime, input));
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    Keyed entry{.keys = {}, .item = item};
    for (const Value& attribute : attributes) {
      FACET_TRY(const Value key, KeyOf(runtime, item, attribute, IsTrueOr(bound[1], false)));
      entry.keys.push_back(key);
    }
    keyed.push_back(std::move(entry));
  }
  return SortedItems(runtime, std::move(keyed), IsTrueOr(bound[0], false));
}

Result<Value> Unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "unique", {"case_sensitive", "attribute"}));
  FACET_TRY(const auto items, Iterate(runtime, input));
  Dict seen;
  std::vector<Value> unique;
  for (const Value& item : items) {
    FACET_TRY(const Value key, KeyOf(runtime, item, bound[1], IsTrueOr(bound[0], false)));
    if (key.list() != nullptr || key.dict() != nullptr) {
      return Fail(ErrorCode::kUnsupported, "unique: items of type '{}'", TypeName(key));
    }
    if (seen.Find(key) != nullptr) continue;
    seen.Set(key, key);
    unique.push_back(item);
  }
  FACET_RETURN_IF_ERROR(runtime.MakeDict(std::move(seen)).map([](const Value&) {}));
  return runtime.MakeList(std::move(unique));
}

template <bool kMax>
Result<Value> Extreme(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "min and max", {"case_sensitive", "attribute"}));
  FACET_TRY(const auto items, Iterate(runtime, input));
  if (items.empty()) return runtime.MakeUndefined("No aggregated item, sequence was empty.");
  std::optional<Keyed> best;
  for (const Value& item : items) {
    FACET_TRY(const Value key, KeyOf(runtime, item, bound[1], IsTrueOr(bound[0], false)));
    const Keyed candidate{.keys = {key}, .item = item};
    if (best) {
      FACET_TRY(const bool better,
                kMax ? IsKeyLess(runtime, *best, candidate) : IsKeyLess(runtime, candidate, *best));
      if (!better) continue;
    }
    best = candidate;
  }
  return best->item;
}

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

struct NamedFilter {
  std::string_view name;
  FilterFn call;
};

constexpr std::array kFilters = {
    NamedFilter{"batch", Batch},
    NamedFilter{"count", LengthFilter},
    NamedFilter{"dictsort", DictSort},
    NamedFilter{"first", End<false>},
    NamedFilter{"items", ItemsFilter},
    NamedFilter{"join", Join},
    NamedFilter{"last", End<true>},
    NamedFilter{"length", LengthFilter},
    NamedFilter{"list", ListFilter},
    NamedFilter{"map", Map},
    NamedFilter{"max", Extreme<true>},
    NamedFilter{"min", Extreme<false>},
    NamedFilter{"reject", Choose<false, false>},
    NamedFilter{"rejectattr", Choose<true, false>},
    NamedFilter{"reverse", Reverse},
    NamedFilter{"select", Choose<false, true>},
    NamedFilter{"selectattr", Choose<true, true>},
    NamedFilter{"sort", SortFilter},
    NamedFilter{"sum", Sum},
    NamedFilter{"unique", Unique},
};

}  // namespace

FilterFn FindListFilter(std::string_view name) {
  const auto found = std::ranges::find(kFilters, name, &NamedFilter::name);
  return found == kFilters.end() ? nullptr : found->call;
}

}  // namespace facet::jinja
