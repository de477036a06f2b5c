#include "text/jinja/access.h"

#include <algorithm>
#include <charconv>

#include "text/jinja/methods.h"
#include "text/jinja/printing.h"

namespace facet::jinja {
namespace {

Result<Value> MakeMissing(Runtime& runtime, const Value& value, const Value& key) {
  TextBuilder shown;
  FACET_RETURN_IF_ERROR(AppendRepr(runtime, key, shown));
  const Text text = std::move(shown).Take();
  return runtime.MakeUndefined(
      fmt::format("'{} object' has no attribute {}", TypeName(value), text.bytes().substr(0, 80)));
}

/// The place of a Python index among `count` items; nothing if it is outside.
std::optional<size_t> Place(int64_t index, size_t count) {
  const auto size = static_cast<int64_t>(count);
  if (index < -size || index >= size) return std::nullopt;
  return static_cast<size_t>(index < 0 ? index + size : index);
}

/// value[key] without the detour over attributes; nothing if there is no such item.
Result<std::optional<Value>> Item(Runtime& runtime, const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    const Value* found = dict->Find(key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  const auto index = AsInt(key);
  if (!index) return std::nullopt;
  if (const List* list = value.list()) {
    const auto place = Place(*index, list->items.size());
    return place ? std::optional(list->items[*place]) : std::nullopt;
  }
  const Text* text = value.text();
  const auto place = text != nullptr ? Place(*index, text->length()) : std::nullopt;
  if (!place) return std::nullopt;
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(text->bytes().size()));
  const auto offsets = text->Offsets();
  FACET_TRY(const Value character, Part(runtime, *text, offsets[*place], offsets[*place + 1]));
  return character;
}

/// An attribute in Python's sense; nothing if there is none.
Result<std::optional<Value>> PythonAttribute(Runtime& runtime, const Value& value,
                                             std::string_view name) {
  if (name.starts_with("__")) {
    return Fail(ErrorCode::kUnsupported, "access to attribute '{}' of a {} is not allowed", name,
                TypeName(value));
  }
  if (const Function* function = value.function()) {
    return function->attribute ? function->attribute(name) : std::nullopt;
  }
  if (const Namespace* name_space = value.name_space()) {
    const auto found = name_space->members.find(name);
    return found == name_space->members.end() ? std::nullopt : std::optional(found->second);
  }
  return FindMethod(runtime, value, name);
}

struct Range {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
};

/// One bound of a slice, counted from the end if negative, limited to [low, high].
Result<int64_t> Bound(const Value& value, int64_t missing, int64_t count, int64_t low,
                      int64_t high) {
  if (value.is_none()) return missing;
  const auto index = AsInt(value);
  if (!index) {
    return Fail(ErrorCode::kInvalidData, "slice indices must be integers or None, not {}",
                TypeName(value));
  }
  return std::clamp(*index < 0 ? *index + count : *index, low, high);
}

Result<Range> Resolve(const SliceBounds& bounds, size_t size) {
  const auto count = static_cast<int64_t>(size);
  Range range;
  // Steps beyond the size all mean "one item"; the limit keeps the sum of index and step from
  // overflowing.
  FACET_TRY(range.step, Bound(bounds.step, 1, 0, -count - 1, count + 1));
  if (range.step == 0) return Fail(ErrorCode::kInvalidData, "slice step cannot be zero");
  const bool up = range.step > 0;
  const int64_t low = up ? 0 : -1;
  const int64_t high = up ? count : count - 1;
  FACET_TRY(range.start, Bound(bounds.start, up ? low : high, count, low, high));
  FACET_TRY(range.stop, Bound(bounds.stop, up ? high : low, count, low, high));
  return range;
}

std::vector<size_t> Indices(const Range& range) {
  std::vector<size_t> indices;
  for (int64_t i = range.start; range.step > 0 ? i < range.stop : i > range.stop; i += range.step) {
    indices.push_back(static_cast<size_t>(i));
  }
  return indices;
}

}  // namespace

tl::unexpected<Error> UndefinedUsed(const Value& value) {
  const auto* undefined = std::get_if<Undefined>(&value.data);
  return Fail(ErrorCode::kInvalidData, "{}",
              undefined->message != nullptr ? *undefined->message : "a value is undefined");
}

Result<Value> Part(Runtime& runtime, const Text& text, size_t begin, size_t end) {
  TextBuilder builder;
  builder.Append(text, begin, end);
  return runtime.Make(std::move(builder));
}

Result<std::vector<Value>> Characters(Runtime& runtime, const Text& text) {
  if (text.length() > Runtime::kMaxItems) {
    return Fail(ErrorCode::kResource, "a list of more than {} items", Runtime::kMaxItems);
  }
  const auto offsets = text.Offsets();
  std::vector<Value> characters;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    FACET_TRY(const Value character, Part(runtime, text, offsets[i], offsets[i + 1]));
    characters.push_back(character);
  }
  return characters;
}

Result<std::vector<Value>> Iterate(Runtime& runtime, const Value& value) {
  if (const List* list = value.list()) {
    FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(list->items.size() / 8)));
    return list->items;
  }
  if (const Text* text = value.text()) return Characters(runtime, *text);
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(dict->items().size() / 8)));
    for (const auto& [key, unused] : dict->items()) items.push_back(key);
    return items;
  }
  if (value.is_undefined()) return items;
  return Fail(ErrorCode::kInvalidData, "'{}' object is not iterable", TypeName(value));
}

Result<int64_t> Length(const Value& value) {
  if (const Text* text = value.text()) return static_cast<int64_t>(text->length());
  if (const List* list = value.list()) return static_cast<int64_t>(list->items.size());
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->items().size());
  if (value.is_undefined()) return 0;
  return Fail(ErrorCode::kInvalidData, "object of type '{}' has no length", TypeName(value));
}

Result<Value> Subscript(Runtime& runtime, const Value& value, const Value& key) {
  if (value.is_undefined()) return UndefinedUsed(value);
  FACET_TRY(const auto item, Item(runtime, value, key));
  if (item) return *item;
  if (key.text() != nullptr) {
    FACET_TRY(const auto attribute, PythonAttribute(runtime, value, key.text()->bytes()));
    if (attribute) return *attribute;
  }
  return MakeMissing(runtime, value, key);
}

Result<Value> Attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.is_undefined()) return UndefinedUsed(value);
  if (const Dict* dict = value.dict(); dict != nullptr && name.starts_with("__")) {
    // A key that looks like an internal name is data, not an internal.
    if (const Value* found = dict->Find(name)) return *found;
  }
  FACET_TRY(const auto attribute, PythonAttribute(runtime, value, name));
  if (attribute) return *attribute;
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->Find(name)) return *found;
  }
  FACET_TRY(const Value key, runtime.MakeTrusted(name));
  return MakeMissing(runtime, value, key);
}

Result<Value> Slice(Runtime& runtime, const Value& value, const SliceBounds& bounds) {
  if (value.is_undefined()) return UndefinedUsed(value);
  if (value.text() == nullptr && value.list() == nullptr) {
    return Fail(ErrorCode::kInvalidData, "'{}' object has no slices", TypeName(value));
  }
  FACET_TRY(const int64_t length, Length(value));
  FACET_TRY(const Range range, Resolve(bounds, static_cast<size_t>(length)));
  FACET_RETURN_IF_ERROR(runtime.Spend(1 + length / 8));
  if (const List* list = value.list()) {
    std::vector<Value> items;
    for (const size_t index : Indices(range)) items.push_back(list->items[index]);
    return list->is_tuple ? runtime.MakeTuple(std::move(items))
                          : runtime.MakeList(std::move(items));
  }
  const Text& text = *value.text();
  const auto offsets = text.Offsets();
  if (range.step == 1) {
    const auto begin = static_cast<size_t>(range.start);
    const auto end = static_cast<size_t>(std::max(range.start, range.stop));
    return Part(runtime, text, offsets[begin], offsets[end]);
  }
  TextBuilder builder;
  for (const size_t index : Indices(range))
    builder.Append(text, offsets[index], offsets[index + 1]);
  return runtime.Make(std::move(builder));
}

Result<Value> AttributePath(Runtime& runtime, Value value, const Value& path,
                            const std::optional<Value>& missing) {
  if (path.is_none()) return value;
  if (path.text() == nullptr) {
    FACET_TRY(value, Subscript(runtime, value, path));
    return value.is_undefined() ? missing.value_or(value) : value;
  }
  std::string_view rest = path.text()->bytes();
  for (bool more = true; more;) {
    const size_t dot = rest.find('.');
    const std::string_view name = rest.substr(0, dot);
    more = dot != std::string_view::npos;
    if (more) rest.remove_prefix(dot + 1);
    int64_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_index = error == std::errc() && end == name.data() + name.size() && index >= 0;
    FACET_TRY(const Value key, is_index ? Result<Value>(Value{index}) : runtime.MakeTrusted(name));
    FACET_TRY(value, Subscript(runtime, value, key));
    if (value.is_undefined()) value = missing.value_or(value);
  }
  return value;
}

}  // namespace facet::jinja
