#include "text/jinja/percent_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/jinja/printing.h"

namespace facet::jinja {
namespace {

/// Widths and precisions beyond this are nobody's intention.
constexpr int kMaxWidth = 1000;

struct Specification {
  std::string flags;
  int width = 0;
  int precision = -1;
  char conversion = 0;
};

/// Reads one format text from left to right.
class Formatter {
 public:
  Formatter(Runtime& runtime, const Text& format, const Value& arguments)
      : runtime_(runtime), format_(format), bytes_(format.bytes()), arguments_(arguments) {}

  Result<Value> Run() {
    while (at_ < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.Append(format_, at_, percent);
      at_ = percent;
      if (at_ < bytes_.size()) FACET_RETURN_IF_ERROR(Convert());
    }
    const List* list = arguments_.list();
    // Python asks whether the one argument could be a mapping, and takes lists for one, too.
    const bool may_be_mapping =
        arguments_.dict() != nullptr || arguments_.is_undefined() || list != nullptr;
    const bool is_tuple = list != nullptr && list->is_tuple;
    const bool all_used = is_tuple ? next_ == list->items.size() : next_ == 1 || may_be_mapping;
    if (!all_used) return Fail(ErrorCode::kInvalidData, "not all arguments converted");
    return runtime_.Make(std::move(out_));
  }

 private:
  Result<void> Convert() {
    ++at_;  // the %
    std::optional<Value> named;
    if (Peek() == '(') {
      FACET_TRY(named, NamedArgument());
    }
    Specification spec;
    while (std::string_view("-+ #0").find(Peek()) != std::string_view::npos && Peek() != 0) {
      spec.flags += Peek();
      ++at_;
    }
    FACET_TRY(spec.width, Number());
    if (Peek() == '.') {
      ++at_;
      FACET_TRY(spec.precision, Number());
    }
    spec.conversion = Peek();
    ++at_;
    if (spec.conversion == '%') {
      out_.AppendTrusted("%");
      return {};
    }
    if (!named) {
      FACET_TRY(named, NextArgument());
    }
    return Write(spec, *named);
  }

  char Peek() const { return at_ < bytes_.size() ? bytes_[at_] : '\0'; }

  Result<int> Number() {
    int number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) {
      number = number * 10 + (Peek() - '0');
      if (number > kMaxWidth)
        return Fail(ErrorCode::kResource, "a format wider than {}", kMaxWidth);
    }
    return number;
  }

  Result<Value> NamedArgument() {
    const size_t close = bytes_.find(')', at_);
    const Dict* dict = arguments_.dict();
    if (close == std::string_view::npos || dict == nullptr) {
      return Fail(ErrorCode::kInvalidData, "a format with names needs a dict");
    }
    const Value* value = dict->Find(bytes_.substr(at_ + 1, close - at_ - 1));
    if (value == nullptr) return Fail(ErrorCode::kInvalidData, "a format names an unknown key");
    at_ = close + 1;
    return *value;
  }

  Result<Value> NextArgument() {
    const List* list = arguments_.list();
    const bool is_tuple = list != nullptr && list->is_tuple;
    const size_t count = is_tuple ? list->items.size() : 1;
    if (next_ >= count) return Fail(ErrorCode::kInvalidData, "not enough arguments for format");
    const size_t index = next_++;
    return is_tuple ? list->items[index] : arguments_;
  }

  Result<void> Write(const Specification& spec, const Value& value) {
    switch (spec.conversion) {
      case 's':
      case 'r':
        return WriteText(spec, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return WriteInteger(spec, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return WriteFloat(spec, value);
      default:
        return Fail(ErrorCode::kUnsupported, "the format %{} is not supported",
                    spec.conversion == 0 ? ' ' : spec.conversion);
    }
  }

  Result<void> WriteText(const Specification& spec, const Value& value) {
    TextBuilder printed;
    FACET_RETURN_IF_ERROR(spec.conversion == 's' ? AppendStr(runtime_, value, printed)
                                                 : AppendRepr(runtime_, value, printed));
    const Text text = std::move(printed).Take();
    FACET_RETURN_IF_ERROR(runtime_.SpendBytes(text.bytes().size()));
    size_t length = text.length();
    size_t end = text.bytes().size();
    if (spec.precision >= 0 && static_cast<size_t>(spec.precision) < length) {
      length = static_cast<size_t>(spec.precision);
      end = text.Offsets()[length];
    }
    const size_t width = static_cast<size_t>(spec.width);
    const std::string padding(width > length ? width - length : 0, ' ');
    const bool left = spec.flags.find('-') != std::string::npos;
    if (!left) out_.AppendTrusted(padding);
    out_.Append(text, 0, end);
    if (left) out_.AppendTrusted(padding);
    return {};
  }

  Result<void> WriteInteger(const Specification& spec, const Value& value) {
    const bool decimal = std::string_view("diu").find(spec.conversion) != std::string_view::npos;
    auto integer = AsInt(value);
    // Beyond this a double does not fit an integer of 64 bits; also false for NaN.
    if (value.is_float() && decimal && std::abs(*AsNumber(value)) < 9e18) {
      integer = static_cast<int64_t>(*AsNumber(value));
    }
    if (!integer) {
      return Fail(ErrorCode::kInvalidData, "%{} format: a number is required, not {}",
                  spec.conversion, TypeName(value));
    }
    if (!decimal && *integer < 0) {
      return Fail(ErrorCode::kUnsupported, "%{} of a negative number", spec.conversion);
    }
    const std::string pattern =
        Pattern(spec, decimal ? "lld" : std::string("ll") + spec.conversion);
    return Print(pattern, static_cast<long long>(*integer));
  }

  Result<void> WriteFloat(const Specification& spec, const Value& value) {
    const auto number = AsNumber(value);
    if (!number) {
      return Fail(ErrorCode::kInvalidData, "%{} format: a number is required, not {}",
                  spec.conversion, TypeName(value));
    }
    return Print(Pattern(spec, std::string(1, spec.conversion)), *number);
  }

  /// The same specification for printf: flags, width and precision mean the same there.
  static std::string Pattern(const Specification& spec, const std::string& conversion) {
    std::string pattern = "%" + spec.flags;
    if (spec.width > 0) pattern += std::to_string(spec.width);
    if (spec.precision >= 0) pattern += "." + std::to_string(spec.precision);
    return pattern + conversion;
  }

  template <typename Number>
  Result<void> Print(const std::string& pattern, Number number) {
    // The longest double has 309 digits before its point.
    char buffer[2 * kMaxWidth + 400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int count = std::snprintf(buffer, sizeof buffer, pattern.c_str(), number);
#pragma GCC diagnostic pop
    out_.AppendTrusted({buffer, static_cast<size_t>(count)});
    return {};
  }

  Runtime& runtime_;
  const Text& format_;
  std::string_view bytes_;
  const Value& arguments_;
  TextBuilder out_;
  size_t at_ = 0;
  size_t next_ = 0;
};

Result<Value> FieldValue(std::string_view field, const Arguments& arguments, size_t& next) {
  if (field.find_first_of(":!.[") != std::string_view::npos) {
    return Fail(ErrorCode::kUnsupported, "format: only {{}}, {{0}} and {{name}} are supported");
  }
  const bool is_number = !field.empty() && field.find_first_not_of("0123456789") == field.npos;
  for (const auto& [name, value] : arguments.named) {
    if (name == field) return value;
  }
  const size_t index = field.empty()                   ? next++
                       : is_number && field.size() < 5 ? std::stoul(std::string(field))
                                                       : SIZE_MAX;
  if (index >= arguments.positional.size()) {
    return Fail(ErrorCode::kInvalidData, "format: no argument for {{{}}}", field);
  }
  return arguments.positional[index];
}

}  // namespace

Result<Value> PercentFormat(Runtime& runtime, const Text& format, const Value& arguments) {
  return Formatter(runtime, format, arguments).Run();
}

Result<Value> BraceFormat(Runtime& runtime, const Text& format, const Arguments& arguments) {
  const std::string_view bytes = format.bytes();
  TextBuilder out;
  size_t next = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    out.Append(format, at, brace);
    at = brace;
    if (at == bytes.size()) break;
    if (at + 1 < bytes.size() && bytes[at + 1] == bytes[at]) {
      out.Append(format, at, at + 1);
      at += 2;
      continue;
    }
    const size_t close = bytes[at] == '{' ? bytes.find('}', at) : bytes.npos;
    if (close == bytes.npos) return Fail(ErrorCode::kInvalidData, "format: a single brace");
    FACET_TRY(const Value value, FieldValue(bytes.substr(at + 1, close - at - 1), arguments, next));
    FACET_RETURN_IF_ERROR(AppendStr(runtime, value, out));
    at = close + 1;
  }
  return runtime.Make(std::move(out));
}

}  // namespace facet::jinja
