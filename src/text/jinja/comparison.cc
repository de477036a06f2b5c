// Equality, order and membership, as Python defines them.
#include <algorithm>
#include <cstring>

#include "text/jinja/operators.h"

namespace facet::jinja {
namespace {

Result<bool> AreListsEqual(Runtime& runtime, const List& left, const List& right) {
  if (left.is_tuple != right.is_tuple || left.items.size() != right.items.size()) return false;
  for (size_t i = 0; i < left.items.size(); ++i) {
    FACET_TRY(const bool equal, AreEqual(runtime, left.items[i], right.items[i]));
    if (!equal) return false;
  }
  return true;
}

Result<bool> AreDictsEqual(Runtime& runtime, const Dict& left, const Dict& right) {
  if (left.items().size() != right.items().size()) return false;
  for (const auto& [key, value] : left.items()) {
    const Value* other = right.Find(key);
    if (other == nullptr) return false;
    FACET_TRY(const bool equal, AreEqual(runtime, value, *other));
    if (!equal) return false;
  }
  return true;
}

Result<bool> IsListLess(Runtime& runtime, const List& left, const List& right) {
  const size_t common = std::min(left.items.size(), right.items.size());
  for (size_t i = 0; i < common; ++i) {
    FACET_TRY(const bool equal, AreEqual(runtime, left.items[i], right.items[i]));
    if (!equal) return IsLess(runtime, left.items[i], right.items[i]);
  }
  return left.items.size() < right.items.size();
}

}  // namespace

Result<bool> AreEqual(Runtime& runtime, const Value& left, const Value& right) {
  FACET_RETURN_IF_ERROR(runtime.Spend(1));
  if (left.text() != nullptr && right.text() != nullptr) {
    FACET_RETURN_IF_ERROR(runtime.SpendBytes(left.text()->bytes().size()));
    return left.text()->bytes() == right.text()->bytes();
  }
  const auto left_int = AsInt(left);
  const auto right_int = AsInt(right);
  if (left_int && right_int) return *left_int == *right_int;
  const auto left_number = AsNumber(left);
  const auto right_number = AsNumber(right);
  if (left_number && right_number) return *left_number == *right_number;
  if (left.list() != nullptr && right.list() != nullptr) {
    return AreListsEqual(runtime, *left.list(), *right.list());
  }
  if (left.dict() != nullptr && right.dict() != nullptr) {
    return AreDictsEqual(runtime, *left.dict(), *right.dict());
  }
  if (left.name_space() != nullptr) return left.name_space() == right.name_space();
  if (left.function() != nullptr) return left.function() == right.function();
  return (left.is_none() && right.is_none()) || (left.is_undefined() && right.is_undefined());
}

Result<bool> IsLess(Runtime& runtime, const Value& left, const Value& right) {
  FACET_RETURN_IF_ERROR(runtime.Spend(1));
  if (left.text() != nullptr && right.text() != nullptr) {
    // The bytes of UTF-8 have the order of the code points.
    FACET_RETURN_IF_ERROR(runtime.SpendBytes(left.text()->bytes().size()));
    return left.text()->bytes() < right.text()->bytes();
  }
  const auto left_int = AsInt(left);
  const auto right_int = AsInt(right);
  if (left_int && right_int) return *left_int < *right_int;
  const auto left_number = AsNumber(left);
  const auto right_number = AsNumber(right);
  if (left_number && right_number) return *left_number < *right_number;
  if (left.list() != nullptr && right.list() != nullptr &&
      left.list()->is_tuple == right.list()->is_tuple) {
    return IsListLess(runtime, *left.list(), *right.list());
  }
  return NoOperator("<", left, right);
}

Result<bool> Contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (item.text() == nullptr) return NoOperator("in", item, container);
    const std::string_view needle = item.text()->bytes();
    FACET_RETURN_IF_ERROR(runtime.SpendBytes(text->bytes().size() + needle.size()));
    // memmem() is linear in the worst case, std::string_view::find() is not.
    return needle.empty() || ::memmem(text->bytes().data(), text->bytes().size(), needle.data(),
                                      needle.size()) != nullptr;
  }
  if (const Dict* dict = container.dict()) {
    if (item.list() == nullptr && item.dict() == nullptr) return dict->Find(item) != nullptr;
    return Fail(ErrorCode::kInvalidData, "a {} cannot be a key", TypeName(item));
  }
  if (const List* list = container.list()) {
    for (const Value& candidate : list->items) {
      FACET_TRY(const bool equal, AreEqual(runtime, candidate, item));
      if (equal) return true;
    }
    return false;
  }
  if (container.is_undefined()) return false;
  return NoOperator("in", item, container);
}

}  // namespace facet::jinja
