#include "text/jinja/methods.h"

#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/string_functions.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace facet::jinja {
namespace {

using Method = Result<Value> (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

struct NamedMethod {
  std::string_view name;
  Method call;
};

tl::unexpected<Error> WrongType(std::string_view method, std::string_view expected,
                                const Value& found) {
  return Fail(ErrorCode::kInvalidData, "{}: expected {}, got {}", method, expected,
              TypeName(found));
}

/// A text argument; null if it is missing or None.
Result<const Text*> TextArgument(const std::optional<Value>& value, std::string_view method) {
  if (!value || value->is_none()) return nullptr;
  if (value->text() == nullptr) return WrongType(method, "str", *value);
  return value->text();
}

Result<const Text*> NeededText(const std::optional<Value>& value, std::string_view method) {
  FACET_TRY(const Text* text, TextArgument(value, method));
  if (text == nullptr) return Fail(ErrorCode::kInvalidData, "{}: an argument is missing", method);
  return text;
}

Result<int64_t> IntArgument(const std::optional<Value>& value, int64_t missing,
                            std::string_view method) {
  if (!value || value->is_none()) return missing;
  const auto integer = AsInt(*value);
  if (!integer) return WrongType(method, "int", *value);
  return *integer;
}

template <Side kSide>
Result<Value> Strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "strip", {"chars"}));
  FACET_TRY(const Text* characters, TextArgument(bound[0], "strip"));
  return StripText(runtime, *self.text(), kSide, characters);
}

template <Case kCase>
Result<Value> WithCase(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "case", {}));
  return ChangeCase(runtime, *self.text(), kCase);
}

template <bool kFromRight>
Result<Value> Split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "split", {"sep", "maxsplit"}));
  FACET_TRY(const Text* separator, TextArgument(bound[0], "split"));
  FACET_TRY(const int64_t limit, IntArgument(bound[1], -1, "split"));
  return SplitText(runtime, *self.text(), separator, limit, kFromRight);
}

Result<Value> SplitLinesMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "splitlines", {}));
  FACET_TRY(auto lines, SplitLines(runtime, *self.text()));
  return runtime.MakeList(std::move(lines));
}

/// The part of `self` that s[start:end] is, for the methods that take such bounds.
Result<Value> Bounded(Runtime& runtime, const Value& self, const std::optional<Value>& start,
                      const std::optional<Value>& end) {
  if (!start && !end) return self;
  return Slice(runtime, self,
               {.start = start.value_or(Value{None{}}), .stop = end.value_or(Value{None{}})});
}

template <bool kAtEnd>
Result<Value> HasAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kAtEnd ? "endswith" : "startswith";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"affix", "start", "end"}));
  FACET_TRY(const Value part, Bounded(runtime, self, bound[1], bound[2]));
  std::vector<Value> candidates;
  if (bound[0] && bound[0]->list() != nullptr && bound[0]->list()->is_tuple) {
    candidates = bound[0]->list()->items;
  } else if (bound[0]) {
    candidates = {*bound[0]};
  }
  FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(candidates.size())));
  if (!bound[0]) return Fail(ErrorCode::kInvalidData, "{}: an argument is missing", kName);
  const std::string_view bytes = part.text()->bytes();
  for (const Value& candidate : candidates) {
    if (candidate.text() == nullptr) return WrongType(kName, "str", candidate);
    const std::string_view affix = candidate.text()->bytes();
    if (kAtEnd ? bytes.ends_with(affix) : bytes.starts_with(affix)) return Value{true};
  }
  return Value{false};
}

template <bool kAtEnd>
Result<Value> RemoveAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kAtEnd ? "removesuffix" : "removeprefix";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"affix"}));
  FACET_TRY(const Text* affix, NeededText(bound[0], kName));
  const std::string_view bytes = self.text()->bytes();
  const size_t size = affix->bytes().size();
  if (kAtEnd && bytes.ends_with(affix->bytes())) {
    return Part(runtime, *self.text(), 0, bytes.size() - size);
  }
  if (!kAtEnd && bytes.starts_with(affix->bytes())) {
    return Part(runtime, *self.text(), size, bytes.size());
  }
  return self;
}

Result<Value> Replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "replace", {"old", "new", "count"}));
  FACET_TRY(const Text* from, NeededText(bound[0], "replace"));
  FACET_TRY(const Text* to, NeededText(bound[1], "replace"));
  FACET_TRY(const int64_t count, IntArgument(bound[2], -1, "replace"));
  return ReplaceText(runtime, *self.text(), *from, *to, count);
}

/// The offset in characters of an offset in bytes.
int64_t CharacterIndex(std::string_view bytes, size_t offset) {
  return std::ranges::count_if(bytes.substr(0, offset), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  });
}

template <bool kLast, bool kMustExist>
Result<Value> Find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kMustExist ? "index" : "find";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"sub"}));
  FACET_TRY(const Text* needle, NeededText(bound[0], kName));
  const std::string_view bytes = self.text()->bytes();
  FACET_RETURN_IF_ERROR(SpendOnSearch(runtime, bytes, needle->bytes()));
  const auto found =
      kLast ? FindLastBytes(bytes, needle->bytes()) : FindBytes(bytes, needle->bytes());
  if (!found && kMustExist) return Fail(ErrorCode::kInvalidData, "index: substring not found");
  return Value{found ? CharacterIndex(bytes, *found) : int64_t{-1}};
}

Result<Value> CountText(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "count", {"sub"}));
  FACET_TRY(const Text* needle, NeededText(bound[0], "count"));
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(self.text()->bytes().size()));
  const std::string_view sub = needle->bytes();
  if (sub.empty()) return Value{static_cast<int64_t>(self.text()->length() + 1)};
  int64_t count = 0;
  size_t at = 0;
  while (const auto found = FindBytes(self.text()->bytes(), sub, at)) {
    ++count;
    at = *found + sub.size();
  }
  return Value{count};
}

template <bool kLast>
Result<Value> Partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "partition", {"sep"}));
  FACET_TRY(const Text* separator, NeededText(bound[0], "partition"));
  const Text& text = *self.text();
  const std::string_view bytes = text.bytes();
  if (separator->bytes().empty()) return Fail(ErrorCode::kInvalidData, "empty separator");
  FACET_RETURN_IF_ERROR(SpendOnSearch(runtime, bytes, separator->bytes()));
  const auto found =
      kLast ? FindLastBytes(bytes, separator->bytes()) : FindBytes(bytes, separator->bytes());
  // Without the separator the whole text comes first, or last from the right.
  const size_t nowhere = kLast ? 0 : bytes.size();
  const size_t begin = found.value_or(nowhere);
  const size_t end = found ? begin + separator->bytes().size() : nowhere;
  FACET_TRY(const Value before, Part(runtime, text, 0, begin));
  FACET_TRY(const Value middle, Part(runtime, text, begin, end));
  FACET_TRY(const Value after, Part(runtime, text, end, bytes.size()));
  return runtime.MakeTuple({before, middle, after});
}

Result<Value> JoinMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "join", {"iterable"}));
  if (!bound[0]) return Fail(ErrorCode::kInvalidData, "join: an argument is missing");
  FACET_TRY(const auto items, Iterate(runtime, *bound[0]));
  for (const Value& item : items) {
    if (item.text() == nullptr) return WrongType("join", "str", item);
  }
  return JoinTexts(runtime, items, self);
}

Result<Value> Format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return BraceFormat(runtime, *self.text(), arguments);
}

/// Padding on both sides as str.center() divides it, or on one.
template <Side kSide>
Result<Value> Pad(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "padding", {"width", "fillchar"}));
  FACET_TRY(const int64_t width, IntArgument(bound[0], 0, "padding"));
  FACET_TRY(const Text* fill, TextArgument(bound[1], "padding"));
  const auto length = static_cast<int64_t>(self.text()->length());
  if (width <= length) return self;
  if (fill != nullptr && fill->length() != 1)
    return WrongType("padding", "one character", *bound[1]);
  FACET_TRY(const Value space, runtime.MakeTrusted(" "));
  const Value filler = fill == nullptr ? space : *bound[1];
  const int64_t both = width - length;
  const int64_t centered = both / 2 + (both & width & 1);
  const int64_t left = kSide == Side::kBoth ? centered : kSide == Side::kLeft ? both : 0;
  FACET_TRY(const Value before, Repeat(runtime, filler, left));
  FACET_TRY(const Value after, Repeat(runtime, filler, both - left));
  TextBuilder builder;
  builder.Append(*before.text());
  builder.Append(*self.text());
  builder.Append(*after.text());
  return runtime.Make(std::move(builder));
}

Result<Value> ZeroFill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "zfill", {"width"}));
  FACET_TRY(const int64_t width, IntArgument(bound[0], 0, "zfill"));
  const Text& text = *self.text();
  const bool sign = text.bytes().starts_with('-') || text.bytes().starts_with('+');
  FACET_TRY(const Value zero, runtime.MakeTrusted("0"));
  FACET_TRY(const Value zeros, Repeat(runtime, zero, width - static_cast<int64_t>(text.length())));
  TextBuilder builder;
  builder.Append(text, 0, sign ? 1 : 0);
  builder.Append(*zeros.text());
  builder.Append(text, sign ? 1 : 0, text.bytes().size());
  return runtime.Make(std::move(builder));
}

enum class Class { kDigit, kAlpha, kAlnum, kSpace, kLower, kUpper };

/// Whether all characters are of a class. Beyond ASCII only white space and characters with case
/// are known; others belong to no class.
template <Class kClass>
Result<Value> IsAll(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "is", {}));
  const std::string_view bytes = self.text()->bytes();
  FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(bytes.size() / 8)));
  if (kClass == Class::kLower || kClass == Class::kUpper) {
    const std::string lower = ToLower(bytes);
    const std::string upper = ToUpper(bytes);
    return Value{lower != upper && bytes == (kClass == Class::kLower ? lower : upper)};
  }
  bool all = !bytes.empty();
  for (size_t at = 0; at < bytes.size() && all;) {
    const Utf8Char character = ReadUtf8(bytes.substr(at));
    const auto length = static_cast<size_t>(std::max(1, character.length));
    const std::string_view one = bytes.substr(at, length);
    const char32_t c = character.code_point;
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = ToLower(one) != one || ToUpper(one) != one;
    all = kClass == Class::kDigit   ? digit
          : kClass == Class::kSpace ? IsSpace(c)
          : kClass == Class::kAlpha ? alpha
                                    : alpha || digit;
    at += length;
  }
  return Value{all};
}

constexpr std::array kStringMethods = {
    NamedMethod{"capitalize", WithCase<Case::kCapitalize>},
    NamedMethod{"center", Pad<Side::kBoth>},
    NamedMethod{"count", CountText},
    NamedMethod{"endswith", HasAffix<true>},
    NamedMethod{"find", Find<false, false>},
    NamedMethod{"format", Format},
    NamedMethod{"index", Find<false, true>},
    NamedMethod{"isalnum", IsAll<Class::kAlnum>},
    NamedMethod{"isalpha", IsAll<Class::kAlpha>},
    NamedMethod{"isdigit", IsAll<Class::kDigit>},
    NamedMethod{"islower", IsAll<Class::kLower>},
    NamedMethod{"isspace", IsAll<Class::kSpace>},
    NamedMethod{"isupper", IsAll<Class::kUpper>},
    NamedMethod{"join", JoinMethod},
    NamedMethod{"ljust", Pad<Side::kRight>},
    NamedMethod{"lower", WithCase<Case::kLower>},
    NamedMethod{"lstrip", Strip<Side::kLeft>},
    NamedMethod{"partition", Partition<false>},
    NamedMethod{"removeprefix", RemoveAffix<false>},
    NamedMethod{"removesuffix", RemoveAffix<true>},
    NamedMethod{"replace", Replace},
    NamedMethod{"rfind", Find<true, false>},
    NamedMethod{"rindex", Find<true, true>},
    NamedMethod{"rjust", Pad<Side::kLeft>},
    NamedMethod{"rpartition", Partition<true>},
    NamedMethod{"rsplit", Split<true>},
    NamedMethod{"rstrip", Strip<Side::kRight>},
    NamedMethod{"split", Split<false>},
    NamedMethod{"splitlines", SplitLinesMethod},
    NamedMethod{"startswith", HasAffix<false>},
    NamedMethod{"strip", Strip<Side::kBoth>},
    NamedMethod{"swapcase", WithCase<Case::kSwap>},
    NamedMethod{"title", WithCase<Case::kTitle>},
    NamedMethod{"upper", WithCase<Case::kUpper>},
    NamedMethod{"zfill", ZeroFill},
};
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
                                   std::span<const NamedMethod> methods,
                                   std::span<const std::string_view> others,
                                   std::string_view name) {
  if (std::ranges::find(others, name) != others.end()) {
    return Fail(ErrorCode::kUnsupported, "the method '{}' of a {} is not supported", name,
                TypeName(self));
  }
  const auto found = std::ranges::find(methods, name, &NamedMethod::name);
  if (found == methods.end()) return std::nullopt;
  FACET_TRY(const Value bound, runtime.MakeFunction({.name = std::string(name),
                                                     .call = [&runtime, self, call = found->call](
                                                                 const Arguments& arguments) {
                                                       return call(runtime, self, arguments);
                                                     }}));
  return bound;
}

}  // namespace

Result<std::optional<Value>> FindMethod(Runtime& runtime, const Value& value,
                                        std::string_view name) {
  if (value.text() != nullptr) {
    return Bound(runtime, value, kStringMethods, kOtherStringAttributes, name);
  }
  if (value.list() != nullptr) {
    return Bound(runtime, value, kListMethods, kOtherListAttributes, name);
  }
  if (value.dict() != nullptr) {
    return Bound(runtime, value, kDictMethods, kOtherDictAttributes, name);
  }
  return std::nullopt;
}

}  // namespace facet::jinja
