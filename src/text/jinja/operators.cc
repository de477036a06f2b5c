#include "text/jinja/operators.h"

#include <cmath>

#include "text/jinja/percent_format.h"

namespace facet::jinja {
namespace {

tl::unexpected<Error> TooLarge() {
  return Fail(ErrorCode::kUnsupported, "an integer beyond 64 bits");
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

}  // namespace

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

Result<Value> Repeat(Runtime& runtime, const Value& text, int64_t count) {
  TextBuilder builder;
  const bool nothing = text.text()->bytes().empty();
  for (int64_t i = 0; i < count && !nothing && !builder.is_full(); ++i)
    builder.Append(*text.text());
  return runtime.Make(std::move(builder));
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
