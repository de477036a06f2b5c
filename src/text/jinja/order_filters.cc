// Filters that compare items: sorted, without doubles, the least and the greatest.
#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/filter_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/string_functions.h"

namespace facet::jinja {
namespace {

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

constexpr std::array kFilters = {
    NamedFilter{"dictsort", DictSort},  NamedFilter{"max", Extreme<true>},
    NamedFilter{"min", Extreme<false>}, NamedFilter{"sort", SortFilter},
    NamedFilter{"unique", Unique},
};

}  // namespace

FilterFn FindOrderFilter(std::string_view name) { return FindIn(kFilters, name); }

}  // namespace facet::jinja
