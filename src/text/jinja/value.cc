#include "text/jinja/value.h"

#include <algorithm>

namespace facet::jinja {

std::optional<size_t> Dict::IndexOf(const Value& key) const {
  if (const Text* text = key.text()) {
    const auto found = texts_.find(text->bytes());
    return found == texts_.end() ? std::nullopt : std::optional(found->second);
  }
  if (const auto number = AsNumber(key)) {
    const auto found = numbers_.find(*number);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }
  return key.is_none() ? none_ : std::nullopt;
}

const Value* Dict::Find(std::string_view key) const {
  const auto found = texts_.find(key);
  return found == texts_.end() ? nullptr : &items_[found->second].second;
}

const Value* Dict::Find(const Value& key) const {
  const auto index = IndexOf(key);
  return index ? &items_[*index].second : nullptr;
}

void Dict::Set(const Value& key, const Value& value) {
  if (const auto index = IndexOf(key)) {
    items_[*index].second = value;
    return;
  }
  const size_t index = items_.size();
  items_.emplace_back(key, value);
  if (const Text* text = key.text()) {
    texts_.emplace(text->bytes(), index);
  } else if (const auto number = AsNumber(key)) {
    numbers_.emplace(*number, index);
  } else {
    none_ = index;
  }
}

std::string_view TypeName(const Value& value) {
  if (value.list() != nullptr) return value.list()->is_tuple ? "tuple" : "list";
  if (value.text() != nullptr) return "str";
  if (value.dict() != nullptr) return "dict";
  if (value.name_space() != nullptr) return "Namespace";
  if (value.function() != nullptr) return "function";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_integer()) return "int";
  if (value.is_float()) return "float";
  return "Undefined";
}

bool IsTrue(const Value& value) {
  if (const auto number = AsNumber(value)) return *number != 0;
  if (const Text* text = value.text()) return !text->bytes().empty();
  if (const List* list = value.list()) return !list->items.empty();
  if (const Dict* dict = value.dict()) return !dict->items().empty();
  return !value.is_undefined() && !value.is_none();
}

std::optional<int64_t> AsInt(const Value& value) {
  if (const bool* boolean = std::get_if<bool>(&value.data)) return *boolean ? 1 : 0;
  if (const int64_t* integer = std::get_if<int64_t>(&value.data)) return *integer;
  return std::nullopt;
}

std::optional<double> AsNumber(const Value& value) {
  if (const double* real = std::get_if<double>(&value.data)) return *real;
  if (const auto integer = AsInt(value)) return static_cast<double>(*integer);
  return std::nullopt;
}

Result<std::vector<std::optional<Value>>> Bind(const Arguments& arguments,
                                               std::string_view function,
                                               const std::vector<std::string_view>& names) {
  std::vector<std::optional<Value>> bound(names.size());
  if (arguments.positional.size() > names.size()) {
    return Fail(ErrorCode::kInvalidData, "{} takes at most {} arguments, got {}", function,
                names.size(), arguments.positional.size());
  }
  std::ranges::copy(arguments.positional, bound.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto place = std::ranges::find(names, name);
    if (place == names.end()) {
      return Fail(ErrorCode::kInvalidData, "{} has no argument '{}'", function, name);
    }
    auto& slot = bound[static_cast<size_t>(place - names.begin())];
    if (slot) return Fail(ErrorCode::kInvalidData, "{} got '{}' twice", function, name);
    slot = value;
  }
  return bound;
}

}  // namespace facet::jinja
