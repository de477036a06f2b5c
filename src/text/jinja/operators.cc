#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "text/jinja/percent_format.h"
#include "text/jinja/printing.h"

namespace facet::jinja {
namespace {

tl::unexpected<Error> TooLarge() {
  return Fail(ErrorCode::kUnsupported, "an integer beyond 64 bits");
}

tl::unexpected<Error> NoOperator(std::string_view sign, const Value& left, const Value& right) {
  for (const Value* value : {&left, &right}) {
    const Undefined* undefined = std::get_if<Undefined>(&value->data);
    if (undefined != nullptr && undefined->message != nullptr) {
      return Fail(ErrorCode::kInvalidData, "{}", *undefined->message);
    }
  }
  return Fail(ErrorCode::kInvalidData, "unsupported operand types for {}: '{}' and '{}'", sign,
              TypeName(left), TypeName(right));
}

std::string_view Sign(Operator op) {
  switch (op) {
    case Operator::kAdd:
      return "+";
    case Operator::kSubtract:
      return "-";
    case Operator::kMultiply:
      return "*";
    case Operator::kDivide:
      return "/";
    case Operator::kFloorDivide:
      return "//";
    case Operator::kModulo:
      return "%";
    case Operator::kPower:
      return "**";
    default:
      return "comparison";
  }
}

Result<Value> IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return Fail(ErrorCode::kInvalidData, "division by zero");
    return Value{std::pow(static_cast<double>(base), static_cast<double>(exponent))};
  }
  if (base == 0 || base == 1) return Value{exponent == 0 ? int64_t{1} : base};
  if (base == -1) return Value{exponent % 2 == 0 ? int64_t{1} : int64_t{-1}};
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {  // at most 63 rounds until it overflows
    if (__builtin_mul_overflow(result, base, &result)) return TooLarge();
  }
  return Value{result};
}

/// Quotient and remainder of Python: the remainder has the sign of the divisor.
Result<Value> IntegerDivision(Operator op, int64_t left, int64_t right) {
  if (right == 0) return Fail(ErrorCode::kInvalidData, "division by zero");
  if (right == -1) {
    if (op == Operator::kModulo) return Value{int64_t{0}};
    int64_t negated = 0;
    if (__builtin_sub_overflow(int64_t{0}, left, &negated)) return TooLarge();
    return Value{negated};
  }
  const int64_t remainder = left % right;
  const bool adjust = remainder != 0 && (remainder < 0) != (right < 0);
  if (op == Operator::kModulo) return Value{adjust ? remainder + right : remainder};
  return Value{left / right - (adjust ? 1 : 0)};
}

Result<Value> IntegerArithmetic(Operator op, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (op) {
    case Operator::kAdd:
      if (__builtin_add_overflow(left, right, &result)) return TooLarge();
      return Value{result};
    case Operator::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) return TooLarge();
      return Value{result};
    case Operator::kMultiply:
      if (__builtin_mul_overflow(left, right, &result)) return TooLarge();
      return Value{result};
    case Operator::kDivide:
      if (right == 0) return Fail(ErrorCode::kInvalidData, "division by zero");
      return Value{static_cast<double>(left) / static_cast<double>(right)};
    case Operator::kPower:
      return IntegerPower(left, right);
    default:
      return IntegerDivision(op, left, right);
  }
}

Result<Value> FloatArithmetic(Operator op, double left, double right) {
  const bool divides =
      op == Operator::kDivide || op == Operator::kFloorDivide || op == Operator::kModulo;
  if (divides && right == 0) return Fail(ErrorCode::kInvalidData, "division by zero");
  switch (op) {
    case Operator::kAdd:
      return Value{left + right};
    case Operator::kSubtract:
      return Value{left - right};
    case Operator::kMultiply:
      return Value{left * right};
    case Operator::kDivide:
      return Value{left / right};
    case Operator::kPower:
      return Value{std::pow(left, right)};
    default:
      break;
  }
  double remainder = std::fmod(left, right);
  if (remainder != 0 && (remainder < 0) != (right < 0)) remainder += right;
  if (op == Operator::kModulo) return Value{remainder};
  return Value{std::round((left - remainder) / right)};
}

Result<Value> Concatenate(Runtime& runtime, const Text& left, const Text& right) {
  TextBuilder builder;
  builder.Append(left);
  builder.Append(right);
  return runtime.Make(std::move(builder));
}

Result<Value> Join(Runtime& runtime, const List& left, const List& right) {
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return left.is_tuple ? runtime.MakeTuple(std::move(items)) : runtime.MakeList(std::move(items));
}

Result<Value> RepeatList(Runtime& runtime, const List& list, int64_t count) {
  std::vector<Value> items;
  const size_t size = list.items.size();
  if (count > 0 && size > 0 && static_cast<uint64_t>(count) > Runtime::kMaxItems / size) {
    return Fail(ErrorCode::kResource, "a list of more than {} items", Runtime::kMaxItems);
  }
  for (int64_t i = 0; i < count && size > 0; ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return list.is_tuple ? runtime.MakeTuple(std::move(items)) : runtime.MakeList(std::move(items));
}

/// Operators of sequences; nothing if neither side is one.
std::optional<Result<Value>> SequenceArithmetic(Runtime& runtime, Operator op, const Value& left,
                                                const Value& right) {
  if (op == Operator::kAdd && left.text() != nullptr && right.text() != nullptr) {
    return Concatenate(runtime, *left.text(), *right.text());
  }
  if (op == Operator::kAdd && left.list() != nullptr && right.list() != nullptr &&
      left.list()->is_tuple == right.list()->is_tuple) {
    return Join(runtime, *left.list(), *right.list());
  }
  if (op == Operator::kModulo && left.text() != nullptr) {
    return PercentFormat(runtime, *left.text(), right);
  }
  if (op != Operator::kMultiply) return std::nullopt;
  const bool sequence_first = left.text() != nullptr || left.list() != nullptr;
  const Value& sequence = sequence_first ? left : right;
  const auto count = AsInt(sequence_first ? right : left);
  if (!count) return std::nullopt;
  if (sequence.text() != nullptr) return Repeat(runtime, sequence, *count);
  if (sequence.list() != nullptr) return RepeatList(runtime, *sequence.list(), *count);
  return std::nullopt;
}

Result<Value> Arithmetic(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  if (auto result = SequenceArithmetic(runtime, op, left, right)) return *std::move(result);
  const auto left_int = AsInt(left);
  const auto right_int = AsInt(right);
  if (left_int && right_int) return IntegerArithmetic(op, *left_int, *right_int);
  const auto left_number = AsNumber(left);
  const auto right_number = AsNumber(right);
  if (!left_number || !right_number) return NoOperator(Sign(op), left, right);
  return FloatArithmetic(op, *left_number, *right_number);
}

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

Result<Value> Repeat(Runtime& runtime, const Value& text, int64_t count) {
  TextBuilder builder;
  const bool nothing = text.text()->bytes().empty();
  for (int64_t i = 0; i < count && !nothing && !builder.is_full(); ++i)
    builder.Append(*text.text());
  return runtime.Make(std::move(builder));
}

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

Result<Value> Negate(Runtime&, const Value& value) {
  if (const auto integer = AsInt(value)) {
    int64_t negated = 0;
    if (__builtin_sub_overflow(int64_t{0}, *integer, &negated)) return TooLarge();
    return Value{negated};
  }
  if (value.is_float()) return Value{-*AsNumber(value)};
  return NoOperator("unary -", value, value);
}

Result<Value> Apply(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  const auto boolean = [](Result<bool> result, bool negated) -> Result<Value> {
    if (!result) return tl::unexpected<Error>(std::move(result).error());
    return Value{*result != negated};
  };
  switch (op) {
    case Operator::kEqual:
      return boolean(AreEqual(runtime, left, right), false);
    case Operator::kNotEqual:
      return boolean(AreEqual(runtime, left, right), true);
    case Operator::kLess:
      return boolean(IsLess(runtime, left, right), false);
    case Operator::kGreater:
      return boolean(IsLess(runtime, right, left), false);
    case Operator::kIn:
      return boolean(Contains(runtime, right, left), false);
    case Operator::kNotIn:
      return boolean(Contains(runtime, right, left), true);
    case Operator::kLessEqual:
    case Operator::kGreaterEqual: {
      // Not the negation of the opposite: both are false for NaN.
      FACET_TRY(const bool equal, AreEqual(runtime, left, right));
      const bool up = op == Operator::kLessEqual;
      FACET_TRY(const bool less, IsLess(runtime, up ? left : right, up ? right : left));
      return Value{less || equal};
    }
    default:
      return Arithmetic(runtime, op, left, right);
  }
}

}  // namespace facet::jinja
