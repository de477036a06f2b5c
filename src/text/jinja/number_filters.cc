// Filters of numbers, and from texts to numbers.
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/jinja/access.h"
#include "text/jinja/filter_table.h"
#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace facet::jinja {
namespace {

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

constexpr std::array kFilters = {
    NamedFilter{"abs", Abs},
    NamedFilter{"float", Float},
    NamedFilter{"int", Int},
    NamedFilter{"round", Round},
};

}  // namespace

FilterFn FindNumberFilter(std::string_view name) { return FindIn(kFilters, name); }

}  // namespace facet::jinja
