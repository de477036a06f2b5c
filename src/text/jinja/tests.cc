#include "text/jinja/tests.h"

#include <algorithm>
#include <array>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/unicode.h"

namespace facet::jinja {
namespace {

struct NamedTest {
  std::string_view name;
  TestFn call;
};

Result<Value> Operand(const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    return Fail(ErrorCode::kInvalidData, "the test needs one argument");
  }
  return arguments.positional[0];
}

template <Operator kOperator>
Result<bool> Compare(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const Value operand, Operand(arguments));
  FACET_TRY(const Value result, Apply(runtime, kOperator, input, operand));
  return IsTrue(result);
}

bool IsDefined(const Value& value) { return !value.is_undefined(); }
bool IsUndefined(const Value& value) { return value.is_undefined(); }
bool IsNone(const Value& value) { return value.is_none(); }
bool IsBoolean(const Value& value) { return value.is_bool(); }
bool IsTrueValue(const Value& value) { return value.is_bool() && IsTrue(value); }
bool IsFalseValue(const Value& value) { return value.is_bool() && !IsTrue(value); }
bool IsInteger(const Value& value) { return value.is_integer(); }
bool IsFloat(const Value& value) { return value.is_float(); }
bool IsNumber(const Value& value) { return AsNumber(value).has_value(); }
bool IsString(const Value& value) { return value.text() != nullptr; }
bool IsMapping(const Value& value) { return value.dict() != nullptr; }
/// Calling an undefined value is an error of its own, which makes it callable for the reference.
bool IsCallable(const Value& value) { return value.function() != nullptr || value.is_undefined(); }

/// What has a length and subscripts, dicts included, as in the reference. Undefined has both there,
/// too, since asking it for its length gives 0.
bool IsSequence(const Value& value) {
  return value.list() != nullptr || value.text() != nullptr || value.dict() != nullptr ||
         value.is_undefined();
}
bool IsIterable(const Value& value) { return IsSequence(value); }

template <bool (*kPredicate)(const Value&)>
Result<bool> Simple(Runtime&, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "the test", {}));
  return kPredicate(input);
}

Result<int64_t> Modulo(Runtime& runtime, const Value& input, int64_t divisor) {
  FACET_TRY(const Value rest, Apply(runtime, Operator::kModulo, input, Value{divisor}));
  const auto number = AsNumber(rest);
  if (!number) return Fail(ErrorCode::kInvalidData, "the test needs a number");
  return *number == 0 ? 0 : *number == 1 ? 1 : 2;
}

Result<bool> IsEven(Runtime& runtime, const Value& input, const Arguments&) {
  FACET_TRY(const int64_t rest, Modulo(runtime, input, 2));
  return rest == 0;
}

Result<bool> IsOdd(Runtime& runtime, const Value& input, const Arguments&) {
  FACET_TRY(const int64_t rest, Modulo(runtime, input, 2));
  return rest == 1;
}

Result<bool> IsDivisibleBy(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const Value operand, Operand(arguments));
  FACET_TRY(const Value rest, Apply(runtime, Operator::kModulo, input, operand));
  return !IsTrue(rest);
}

/// `is sameas`: identity. Values that print and compare alike are one value here if their kinds
/// agree.
Result<bool> IsSameAs(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const Value operand, Operand(arguments));
  if (input.data.index() != operand.data.index()) return false;
  if (input.list() != nullptr) return input.list() == operand.list();
  if (input.dict() != nullptr) return input.dict() == operand.dict();
  return AreEqual(runtime, input, operand);
}

template <bool kUpper>
Result<bool> HasCase(Runtime& runtime, const Value& input, const Arguments&) {
  FACET_TRY(const Value text, ToText(runtime, input));
  const std::string_view bytes = text.text()->bytes();
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(bytes.size()));
  const std::string lower = ToLower(bytes);
  const std::string upper = ToUpper(bytes);
  return lower != upper && bytes == (kUpper ? upper : lower);
}

Result<bool> NamesFilter(Runtime&, const Value& input, const Arguments&) {
  return input.text() != nullptr && FindFilter(input.text()->bytes()) != nullptr;
}

Result<bool> NamesTest(Runtime&, const Value& input, const Arguments&) {
  return input.text() != nullptr && FindTest(input.text()->bytes()) != nullptr;
}

constexpr std::array kTests = {
    NamedTest{"!=", Compare<Operator::kNotEqual>},
    NamedTest{"<", Compare<Operator::kLess>},
    NamedTest{"<=", Compare<Operator::kLessEqual>},
    NamedTest{"==", Compare<Operator::kEqual>},
    NamedTest{">", Compare<Operator::kGreater>},
    NamedTest{">=", Compare<Operator::kGreaterEqual>},
    NamedTest{"boolean", Simple<IsBoolean>},
    NamedTest{"callable", Simple<IsCallable>},
    NamedTest{"defined", Simple<IsDefined>},
    NamedTest{"divisibleby", IsDivisibleBy},
    NamedTest{"eq", Compare<Operator::kEqual>},
    NamedTest{"equalto", Compare<Operator::kEqual>},
    NamedTest{"even", IsEven},
    NamedTest{"false", Simple<IsFalseValue>},
    NamedTest{"filter", NamesFilter},
    NamedTest{"float", Simple<IsFloat>},
    NamedTest{"ge", Compare<Operator::kGreaterEqual>},
    NamedTest{"greaterthan", Compare<Operator::kGreater>},
    NamedTest{"gt", Compare<Operator::kGreater>},
    NamedTest{"in", Compare<Operator::kIn>},
    NamedTest{"integer", Simple<IsInteger>},
    NamedTest{"iterable", Simple<IsIterable>},
    NamedTest{"le", Compare<Operator::kLessEqual>},
    NamedTest{"lessthan", Compare<Operator::kLess>},
    NamedTest{"lower", HasCase<false>},
    NamedTest{"lt", Compare<Operator::kLess>},
    NamedTest{"mapping", Simple<IsMapping>},
    NamedTest{"ne", Compare<Operator::kNotEqual>},
    NamedTest{"none", Simple<IsNone>},
    NamedTest{"number", Simple<IsNumber>},
    NamedTest{"odd", IsOdd},
    NamedTest{"sameas", IsSameAs},
    NamedTest{"sequence", Simple<IsSequence>},
    NamedTest{"string", Simple<IsString>},
    NamedTest{"test", NamesTest},
    NamedTest{"true", Simple<IsTrueValue>},
    NamedTest{"undefined", Simple<IsUndefined>},
    NamedTest{"upper", HasCase<true>},
};

}  // namespace

TestFn FindTest(std::string_view name) {
  const auto found = std::ranges::find(kTests, name, &NamedTest::name);
  return found == kTests.end() ? nullptr : found->call;
}

}  // namespace facet::jinja
