// Filters of texts and numbers.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/jinja/access.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_functions.h"
#include "text/unicode.h"

namespace facet::jinja {
namespace {

bool IsTrueOr(const std::optional<Value>& value, bool missing) {
  return value ? IsTrue(*value) : missing;
}

template <Case kCase>
Result<Value> ToCase(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "the filter", {}));
  FACET_TRY(const Value text, ToText(runtime, input));
  return ChangeCase(runtime, *text.text(), kCase);
}

Result<Value> Trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "trim", {"chars"}));
  FACET_TRY(const Value text, ToText(runtime, input));
  const Text* characters = bound[0] ? bound[0]->text() : nullptr;
  return StripText(runtime, *text.text(), Side::kBoth, characters);
}

Result<Value> String(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "string", {}));
  return ToText(runtime, input);
}

Result<Value> Safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "safe", {}));
  return ToText(runtime, input);
}

Result<Value> Replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "replace", {"old", "new", "count"}));
  if (!bound[0] || !bound[1]) return Fail(ErrorCode::kInvalidData, "replace needs two arguments");
  FACET_TRY(const Value text, ToText(runtime, input));
  FACET_TRY(const Value from, ToText(runtime, *bound[0]));
  FACET_TRY(const Value to, ToText(runtime, *bound[1]));
  const auto count = bound[2] ? AsInt(*bound[2]) : std::nullopt;
  return ReplaceText(runtime, *text.text(), *from.text(), *to.text(), count.value_or(-1));
}

Result<Value> Indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "indent", {"width", "first", "blank"}));
  if (input.text() == nullptr) return Fail(ErrorCode::kInvalidData, "indent: expected str");
  Value indention = bound[0].value_or(Value{int64_t{4}});
  if (const auto width = AsInt(indention)) {
    FACET_TRY(const Value space, runtime.MakeTrusted(" "));
    FACET_TRY(indention, Repeat(runtime, space, *width));
  }
  if (indention.text() == nullptr) return Fail(ErrorCode::kInvalidData, "indent: bad width");
  FACET_TRY(const Value newline, runtime.MakeTrusted("\n"));
  FACET_TRY(const Value ended, Apply(runtime, Operator::kAdd, input, newline));
  FACET_TRY(const auto lines, SplitLines(runtime, *ended.text()));
  TextBuilder builder;
  for (size_t i = 0; i < lines.size() && !builder.is_full(); ++i) {
    const bool blank = lines[i].text()->bytes().empty();
    if (i > 0) builder.AppendTrusted("\n");
    const bool indented = i == 0 ? IsTrueOr(bound[1], false) : !blank || IsTrueOr(bound[2], false);
    if (indented) builder.Append(*indention.text());
    builder.Append(*lines[i].text());
  }
  return runtime.Make(std::move(builder));
}

Result<Value> Center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "center", {"width"}));
  FACET_TRY(const Value text, ToText(runtime, input));
  FACET_TRY(const Value method, Attribute(runtime, text, "center"));
  return method.function()->call({.positional = {bound[0].value_or(Value{int64_t{80}})}});
}

Result<Value> Format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const Value text, ToText(runtime, input));
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    return Fail(ErrorCode::kInvalidData, "format takes positional or named arguments, not both");
  }
  if (arguments.named.empty()) {
    FACET_TRY(const Value tuple, runtime.MakeTuple(arguments.positional));
    return PercentFormat(runtime, *text.text(), tuple);
  }
  Dict dict;
  for (const auto& [name, value] : arguments.named) {
    FACET_TRY(const Value key, runtime.MakeTrusted(name));
    dict.Set(key, value);
  }
  FACET_TRY(const Value named, runtime.MakeDict(std::move(dict)));
  return PercentFormat(runtime, *text.text(), named);
}

/// Digits with single underscores between them, as Python's int() and float() allow; without them.
std::optional<std::string> WithoutUnderscores(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&](size_t at) {
      return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0;
    };
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
      return std::nullopt;
    }
  }
  return digits;
}

enum class NumberError { kNotANumber, kTooLarge };

/// Python's int(text, base).
tl::expected<int64_t, NumberError> ParseInt(std::string_view text, int base) {
  auto digits = WithoutUnderscores(Strip(text));
  if (!digits) return tl::unexpected(NumberError::kNotANumber);
  std::string_view rest = *digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::string_view prefix = base == 16 ? "x" : base == 8 ? "o" : "b";
  const bool prefixed = rest.size() > 2 && rest[0] == '0' && (rest[1] | 0x20) == prefix[0];
  if (base != 10 && prefixed) rest.remove_prefix(2);
  if (rest.starts_with('-')) return tl::unexpected(NumberError::kNotANumber);
  const std::string signed_text = (negative ? "-" : "") + std::string(rest);
  int64_t value = 0;
  const char* end = signed_text.data() + signed_text.size();
  const auto [stop, error] = std::from_chars(signed_text.data(), end, value, base);
  if (error == std::errc::result_out_of_range) return tl::unexpected(NumberError::kTooLarge);
  if (error != std::errc() || stop != end) return tl::unexpected(NumberError::kNotANumber);
  return value;
}

/// Python's float(text).
std::optional<double> ParseFloat(std::string_view text) {
  const auto digits = WithoutUnderscores(Strip(text));
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::string lower = ToLower(rest);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = INFINITY;
  } else if (lower == "nan") {
    value = NAN;
  } else {
    if (lower.empty() || lower[0] == '-' || lower[0] == 'i' || lower[0] == 'n') return std::nullopt;
    const auto [stop, error] = std::from_chars(lower.data(), lower.data() + lower.size(), value);
    if (stop != lower.data() + lower.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) value = std::strtod(lower.c_str(), nullptr);
  }
  return negative ? -value : value;
}

Result<Value> Truncated(double number, const Value& otherwise) {
  if (std::isnan(number)) return otherwise;
  if (!(std::fabs(number) < 9.2e18)) {
    return Fail(ErrorCode::kUnsupported, "int: an integer beyond 64 bits");
  }
  return Value{static_cast<int64_t>(number)};
}

Result<Value> Int(Runtime&, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "int", {"default", "base"}));
  const Value otherwise = bound[0].value_or(Value{int64_t{0}});
  const int64_t base = bound[1] ? AsInt(*bound[1]).value_or(10) : 10;
  if (base != 2 && base != 8 && base != 10 && base != 16) {
    return Fail(ErrorCode::kUnsupported, "int: base {} is not supported", base);
  }
  if (input.is_undefined()) return UndefinedUsed(input);
  if (const auto integer = AsInt(input)) return Value{*integer};
  if (input.is_float()) return Truncated(*AsNumber(input), otherwise);
  if (input.text() == nullptr) return otherwise;
  const auto parsed = ParseInt(input.text()->bytes(), static_cast<int>(base));
  if (parsed) return Value{*parsed};
  if (parsed.error() == NumberError::kTooLarge) return Truncated(INFINITY, otherwise);
  const auto number = ParseFloat(input.text()->bytes());
  return number ? Truncated(*number, otherwise) : otherwise;
}

Result<Value> Float(Runtime&, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "float", {"default"}));
  const Value otherwise = bound[0].value_or(Value{0.0});
  if (input.is_undefined()) return UndefinedUsed(input);
  if (const auto number = AsNumber(input)) return Value{*number};
  if (input.text() == nullptr) return otherwise;
  const auto number = ParseFloat(input.text()->bytes());
  return number ? Value{*number} : otherwise;
}

Result<Value> Abs(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "abs", {}));
  const auto number = AsNumber(input);
  if (number && *number < 0) return Negate(runtime, input);
  if (const auto integer = AsInt(input)) return Value{*integer};
  if (number) return Value{std::fabs(*number)};
  return Fail(ErrorCode::kInvalidData, "abs: bad operand type '{}'", TypeName(input));
}

/// Python's round(): halves go to the even neighbour, judged on the exact decimal value of the
/// double.
double RoundTo(double number, int digits) {
  if (!std::isfinite(number)) return number;
  const std::string text = fmt::format("{:.{}f}", number, std::max(digits, 0));
  if (digits >= 0) return std::strtod(text.c_str(), nullptr);
  const double scale = std::pow(10.0, -digits);
  return std::nearbyint(number / scale) * scale;
}

Result<Value> Round(Runtime&, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "round", {"precision", "method"}));
  const auto number = AsNumber(input);
  if (!number) return Fail(ErrorCode::kInvalidData, "round: expected a number");
  const int64_t precision = bound[0] ? AsInt(*bound[0]).value_or(0) : 0;
  if (std::abs(precision) > 300)
    return Fail(ErrorCode::kUnsupported, "round: precision {}", precision);
  const Text* method = bound[1] ? bound[1]->text() : nullptr;
  const std::string_view name = method == nullptr ? "common" : method->bytes();
  if (name == "common") {
    // An integer stays one, unlike with the other methods.
    if (!input.is_float() && precision >= 0) return Value{*AsInt(input)};
    const double rounded = RoundTo(*number, static_cast<int>(precision));
    return input.is_float() ? Value{rounded} : Value{static_cast<int64_t>(rounded)};
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (name == "ceil") return Value{std::ceil(*number * scale) / scale};
  if (name == "floor") return Value{std::floor(*number * scale) / scale};
  return Fail(ErrorCode::kInvalidData, "round: the method must be common, ceil or floor");
}

Result<Value> Default(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "default", {"default_value", "boolean"}));
  const bool replaced = input.is_undefined() || (IsTrueOr(bound[1], false) && !IsTrue(input));
  if (!replaced) return input;
  return bound[0] ? Result<Value>(*bound[0]) : runtime.MakeTrusted("");
}

Result<Value> ToJson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  // The filter of the model library, not Jinja's own: nothing is escaped for HTML.
  FACET_TRY(const auto bound,
            Bind(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style{.ascii = IsTrueOr(bound[0], false), .sort_keys = IsTrueOr(bound[3], false)};
  if (bound[1] && !bound[1]->is_none()) {
    style.pretty = true;
    style.item_separator = ",";
    const int64_t width = AsInt(*bound[1]).value_or(0);
    if (width > 100) return Fail(ErrorCode::kResource, "tojson: an indent of {}", width);
    style.indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    if (const Text* text = bound[1]->text()) style.indent = text->bytes();
  }
  if (bound[2] && !bound[2]->is_none()) {
    const List* pair = bound[2]->list();
    if (pair == nullptr || pair->items.size() != 2 || pair->items[0].text() == nullptr ||
        pair->items[1].text() == nullptr) {
      return Fail(ErrorCode::kInvalidData, "tojson: separators must be two strings");
    }
    style.item_separator = pair->items[0].text()->bytes();
    style.key_separator = pair->items[1].text()->bytes();
  }
  TextBuilder builder;
  FACET_RETURN_IF_ERROR(AppendJson(runtime, input, style, builder));
  return runtime.Make(std::move(builder));
}

struct NamedFilter {
  std::string_view name;
  FilterFn call;
};

constexpr std::array kFilters = {
    NamedFilter{"abs", Abs},
    NamedFilter{"capitalize", ToCase<Case::kCapitalize>},
    NamedFilter{"center", Center},
    NamedFilter{"d", Default},
    NamedFilter{"default", Default},
    NamedFilter{"float", Float},
    NamedFilter{"format", Format},
    NamedFilter{"indent", Indent},
    NamedFilter{"int", Int},
    NamedFilter{"lower", ToCase<Case::kLower>},
    NamedFilter{"replace", Replace},
    NamedFilter{"round", Round},
    NamedFilter{"safe", Safe},
    NamedFilter{"string", String},
    NamedFilter{"title", ToCase<Case::kJinjaTitle>},
    NamedFilter{"tojson", ToJson},
    NamedFilter{"trim", Trim},
    NamedFilter{"upper", ToCase<Case::kUpper>},
};

}  // namespace

FilterFn FindTextFilter(std::string_view name) {
  const auto found = std::ranges::find(kFilters, name, &NamedFilter::name);
  return found == kFilters.end() ? nullptr : found->call;
}

FilterFn FindFilter(std::string_view name) {
  const FilterFn found = FindTextFilter(name);
  return found != nullptr ? found : FindListFilter(name);
}

}  // namespace facet::jinja
