// Methods of strings that make another one of them, take them apart or judge their characters.
#include <algorithm>
#include <array>

#include "text/jinja/method_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/string_functions.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace facet::jinja {
namespace {

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

Result<Value> Replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "replace", {"old", "new", "count"}));
  FACET_TRY(const Text* from, NeededText(bound[0], "replace"));
  FACET_TRY(const Text* to, NeededText(bound[1], "replace"));
  FACET_TRY(const int64_t count, IntArgument(bound[2], -1, "replace"));
  return ReplaceText(runtime, *self.text(), *from, *to, count);
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

constexpr std::array kMethods = {
    NamedMethod{"capitalize", WithCase<Case::kCapitalize>},
    NamedMethod{"center", Pad<Side::kBoth>},
    NamedMethod{"format", Format},
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
    NamedMethod{"replace", Replace},
    NamedMethod{"rjust", Pad<Side::kLeft>},
    NamedMethod{"rsplit", Split<true>},
    NamedMethod{"rstrip", Strip<Side::kRight>},
    NamedMethod{"split", Split<false>},
    NamedMethod{"splitlines", SplitLinesMethod},
    NamedMethod{"strip", Strip<Side::kBoth>},
    NamedMethod{"swapcase", WithCase<Case::kSwap>},
    NamedMethod{"title", WithCase<Case::kTitle>},
    NamedMethod{"upper", WithCase<Case::kUpper>},
    NamedMethod{"zfill", ZeroFill},
};

}  // namespace

std::span<const NamedMethod> StringMethods() { return kMethods; }

}  // namespace facet::jinja
