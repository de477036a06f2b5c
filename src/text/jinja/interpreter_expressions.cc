// The values of expressions.
#include "text/jinja/access.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/printing.h"

namespace facet::jinja {

Result<Value> Interpreter::Evaluate(const Expr& expr, Scope& scope) {
  const Level level(depth_);
  FACET_RETURN_IF_ERROR(level.Check());
  FACET_RETURN_IF_ERROR(runtime_.Spend(1));
  switch (expr.kind) {
    case ExprKind::kConstant:
      return expr.constant;
    case ExprKind::kName:
      return EvaluateName(expr, scope);
    case ExprKind::kBody:
      return body_;
    case ExprKind::kDict:
      return EvaluateDict(expr, scope);
    case ExprKind::kSlice:
      return EvaluateSlice(expr, scope);
    case ExprKind::kConcat:
      return EvaluateConcat(expr, scope);
    case ExprKind::kCompare:
      return EvaluateCompare(expr, scope);
    case ExprKind::kCall:
      return EvaluateCall(expr, {}, scope);
    case ExprKind::kList:
    case ExprKind::kTuple: {
      FACET_TRY(auto items, EvaluateChildren(expr, 0, scope));
      return expr.kind == ExprKind::kList ? runtime_.MakeList(std::move(items))
                                          : runtime_.MakeTuple(std::move(items));
    }
    default:
      break;
  }
  FACET_TRY(const Value first, Evaluate(*expr.children[0], scope));
  switch (expr.kind) {
    case ExprKind::kAttribute:
      return Attribute(runtime_, first, expr.name);
    case ExprKind::kSubscript: {
      FACET_TRY(const Value key, Evaluate(*expr.children[1], scope));
      return Subscript(runtime_, first, key);
    }
    case ExprKind::kFilter: {
      FACET_TRY(const Arguments arguments, EvaluateArguments(expr, scope));
      return expr.filter(runtime_, first, arguments);
    }
    case ExprKind::kTest: {
      FACET_TRY(const Arguments arguments, EvaluateArguments(expr, scope));
      FACET_TRY(const bool result, expr.test(runtime_, first, arguments));
      return Value{result};
    }
    case ExprKind::kNot:
      return Value{!IsTrue(first)};
    case ExprKind::kNegative:
      return Negate(runtime_, first);
    case ExprKind::kPositive:
      return Apply(runtime_, Operator::kAdd, Value{int64_t{0}}, first);
    case ExprKind::kAnd:
      return IsTrue(first) ? Evaluate(*expr.children[1], scope) : first;
    case ExprKind::kOr:
      return IsTrue(first) ? first : Evaluate(*expr.children[1], scope);
    case ExprKind::kConditional: {
      if (IsTrue(first)) return Evaluate(*expr.children[1], scope);
      if (expr.children[2] != nullptr) return Evaluate(*expr.children[2], scope);
      return runtime_.MakeUndefined("the inline if-expression evaluated to false");
    }
    default: {  // kBinary
      FACET_TRY(const Value second, Evaluate(*expr.children[1], scope));
      return Apply(runtime_, expr.operators[0], first, second);
    }
  }
}

Result<Value> Interpreter::EvaluateName(const Expr& expr, Scope& scope) {
  int64_t walked = 0;
  for (const Scope* place = &scope; place != nullptr; place = place->parent()) {
    if (const Value* found = place->Find(expr.name)) return *found;
    ++walked;
  }
  FACET_RETURN_IF_ERROR(runtime_.Spend(walked / 4));
  return Value{Undefined{&expr.undefined_message}};
}

Result<std::vector<Value>> Interpreter::EvaluateChildren(const Expr& expr, size_t first,
                                                         Scope& scope) {
  std::vector<Value> values;
  for (size_t i = first; i < expr.children.size(); ++i) {
    FACET_TRY(const Value value, Evaluate(*expr.children[i], scope));
    values.push_back(value);
  }
  return values;
}

Result<Value> Interpreter::EvaluateDict(const Expr& expr, Scope& scope) {
  FACET_TRY(const auto items, EvaluateChildren(expr, 0, scope));
  Dict dict;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    const Value& key = items[i];
    if (key.text() == nullptr && !AsNumber(key) && !key.is_none()) {
      return Fail(ErrorCode::kUnsupported, "a key of type '{}' is not supported", TypeName(key));
    }
    dict.Set(key, items[i + 1]);
  }
  return runtime_.MakeDict(std::move(dict));
}

Result<Value> Interpreter::EvaluateSlice(const Expr& expr, Scope& scope) {
  FACET_TRY(const Value value, Evaluate(*expr.children[0], scope));
  SliceBounds bounds;
  Value* const places[] = {&bounds.start, &bounds.stop, &bounds.step};
  for (size_t i = 0; i < 3; ++i) {
    if (expr.children[i + 1] == nullptr) continue;
    FACET_TRY(*places[i], Evaluate(*expr.children[i + 1], scope));
  }
  return Slice(runtime_, value, bounds);
}

Result<Value> Interpreter::EvaluateConcat(const Expr& expr, Scope& scope) {
  TextBuilder builder;
  for (const ExprPtr& child : expr.children) {
    FACET_TRY(const Value value, Evaluate(*child, scope));
    FACET_RETURN_IF_ERROR(AppendStr(runtime_, value, builder));
  }
  return runtime_.Make(std::move(builder));
}

Result<Value> Interpreter::EvaluateCompare(const Expr& expr, Scope& scope) {
  FACET_TRY(Value left, Evaluate(*expr.children[0], scope));
  Value result{true};
  for (size_t i = 0; i < expr.operators.size() && IsTrue(result); ++i) {
    FACET_TRY(const Value right, Evaluate(*expr.children[i + 1], scope));
    FACET_TRY(result, Apply(runtime_, expr.operators[i], left, right));
    left = right;
  }
  return result;
}

Result<Arguments> Interpreter::EvaluateArguments(const Expr& expr, Scope& scope) {
  Arguments arguments;
  FACET_TRY(arguments.positional, EvaluateChildren(expr, 1, scope));
  for (const auto& [name, child] : expr.named) {
    FACET_TRY(const Value value, Evaluate(*child, scope));
    arguments.named.emplace_back(name, value);
  }
  return arguments;
}

Result<Value> Interpreter::EvaluateCall(const Expr& expr, const Arguments& extra, Scope& scope) {
  FACET_TRY(const Value callee, Evaluate(*expr.children[0], scope));
  FACET_TRY(Arguments arguments, EvaluateArguments(expr, scope));
  arguments.named.insert(arguments.named.end(), extra.named.begin(), extra.named.end());
  if (const Function* function = callee.function()) return function->call(arguments);
  const auto* undefined = std::get_if<Undefined>(&callee.data);
  if (undefined != nullptr && undefined->message != nullptr) {
    return Fail(ErrorCode::kInvalidData, "{}", *undefined->message);
  }
  return Fail(ErrorCode::kInvalidData, "'{}' object is not callable", TypeName(callee));
}

}  // namespace facet::jinja
