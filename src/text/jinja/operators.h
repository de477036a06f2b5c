// Operators between values, as Python defines them.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

enum class Operator {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

/// kInvalidData where Python raises, kUnsupported for integers beyond 64 bits.
Result<Value> Apply(Runtime& runtime, Operator op, const Value& left, const Value& right);
Result<Value> Negate(Runtime& runtime, const Value& value);

Result<bool> AreEqual(Runtime& runtime, const Value& left, const Value& right);
/// left < right for numbers, strings, lists; kInvalidData for kinds that have no order.
Result<bool> IsLess(Runtime& runtime, const Value& left, const Value& right);
/// item in container
Result<bool> Contains(Runtime& runtime, const Value& container, const Value& item);

/// The error for operands that an operator does not take; an undefined one says why it is so.
tl::unexpected<Error> NoOperator(std::string_view sign, const Value& left, const Value& right);

/// str * count
Result<Value> Repeat(Runtime& runtime, const Value& text, int64_t count);

}  // namespace facet::jinja
