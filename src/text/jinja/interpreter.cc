#include "text/jinja/interpreter.h"

#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/printing.h"

namespace facet::jinja {

const Value* Scope::Find(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &found->second;
}

/// Counts the levels of recursion while it lives.
class Interpreter::Level {
 public:
  explicit Level(int& depth) : depth_(depth) { ++depth_; }
  ~Level() { --depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

  Result<void> Check() const {
    if (depth_ <= kMaxDepth) return {};
    return Fail(ErrorCode::kResource, "the template recurses deeper than {} levels", kMaxDepth);
  }

 private:
  int& depth_;
};

/// A scope that goes away at the end unless something keeps it. Scopes end in the reverse order of
/// their beginning, so that one that is not last has a kept one behind it, and stays for its sake.
class Interpreter::OpenScope {
 public:
  OpenScope(std::deque<Scope>& scopes, Scope* parent)
      : scopes_(scopes), scope_(scopes.emplace_back(parent)) {}
  ~OpenScope() {
    if (!scope_.is_kept() && &scopes_.back() == &scope_) scopes_.pop_back();
  }
  OpenScope(const OpenScope&) = delete;
  OpenScope& operator=(const OpenScope&) = delete;

  Scope& operator*() const { return scope_; }

 private:
  std::deque<Scope>& scopes_;
  Scope& scope_;
};

std::optional<Value> LoopState::Attribute(std::string_view name) const {
  const auto number = [](size_t value) { return Value{static_cast<int64_t>(value)}; };
  const size_t length = items.size();
  if (index >= length) return std::nullopt;  // the loop has ended
  if (name == "index") return number(index + 1);
  if (name == "index0") return number(index);
  if (name == "revindex") return number(length - index);
  if (name == "revindex0") return number(length - index - 1);
  if (name == "first") return Value{index == 0};
  if (name == "last") return Value{index + 1 == length};
  if (name == "length") return number(length);
  if (name == "depth") return Value{int64_t{depth}};
  if (name == "depth0") return Value{int64_t{depth - 1}};
  if (name == "previtem" && index > 0) return items[index - 1];
  if (name == "nextitem" && index + 1 < length) return items[index + 1];
  return std::nullopt;
}

Result<Text> Interpreter::Run(const std::vector<std::pair<std::string, Value>>& globals) {
  TextBuilder out;
  out_ = &out;
  Scope& outer = scopes_.emplace_back(nullptr);
  for (const auto& [name, value] : globals) outer.Set(name, value);
  Scope& scope = scopes_.emplace_back(&outer);
  auto flow = Execute(block_, scope);
  if (!flow) return Propagate(std::move(flow), fmt::format("line {}", line_));
  return std::move(out).Take();
}

Result<Interpreter::Flow> Interpreter::Execute(const Block& block, Scope& scope) {
  for (const Statement& statement : block) {
    FACET_TRY(const Flow flow, Execute(statement, scope));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::Execute(const Statement& statement, Scope& scope) {
  const Level level(depth_);
  FACET_RETURN_IF_ERROR(level.Check());
  FACET_RETURN_IF_ERROR(runtime_.Spend(1));
  line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::kIf:
      return ExecuteIf(statement, scope);
    case StatementKind::kFor:
      return ExecuteFor(statement, scope);
    case StatementKind::kWith:
      return ExecuteWith(statement, scope);
    case StatementKind::kGroup:
      return Execute(statement.body, scope);
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    case StatementKind::kData:
    case StatementKind::kOutput:
    case StatementKind::kFilterBlock:
      FACET_RETURN_IF_ERROR(Output(statement, scope));
      break;
    case StatementKind::kSet:
    case StatementKind::kSetBlock:
      FACET_RETURN_IF_ERROR(Assign(statement, scope));
      break;
    case StatementKind::kMacro:
      FACET_RETURN_IF_ERROR(DefineMacro(statement, scope));
      break;
    case StatementKind::kCallBlock:
      FACET_RETURN_IF_ERROR(ExecuteCallBlock(statement, scope));
      break;
  }
  return Flow::kNormal;
}

Result<void> Interpreter::Output(const Statement& statement, Scope& scope) {
  if (statement.kind == StatementKind::kData) {
    out_->Append(*statement.data);
    FACET_RETURN_IF_ERROR(runtime_.SpendBytes(statement.data->bytes().size()));
  } else {
    FACET_TRY(const Value value, statement.kind == StatementKind::kOutput
                                     ? Evaluate(*statement.expr, scope)
                                     : EvaluateOverBody(statement, scope));
    FACET_RETURN_IF_ERROR(AppendStr(runtime_, value, *out_));
  }
  if (!out_->is_full()) return {};
  return Fail(ErrorCode::kResource, "the template prints more than {} MiB",
              TextBuilder::kMaxBytes >> 20);
}

Result<Interpreter::Flow> Interpreter::ExecuteIf(const Statement& statement, Scope& scope) {
  for (const Branch& branch : statement.branches) {
    if (branch.condition == nullptr) return Execute(branch.body, scope);
    FACET_TRY(const Value condition, Evaluate(*branch.condition, scope));
    if (IsTrue(condition)) return Execute(branch.body, scope);
  }
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::ExecuteFor(const Statement& statement, Scope& scope) {
  FACET_TRY(const Value iterable, Evaluate(*statement.expr, scope));
  FACET_RETURN_IF_ERROR(RunLoop(statement, scope, iterable, 1));
  return Flow::kNormal;
}

Result<std::vector<Value>> Interpreter::LoopItems(const Statement& statement, Scope& scope,
                                                  const Value& iterable) {
  FACET_TRY(std::vector<Value> items, Iterate(runtime_, iterable));
  if (statement.condition == nullptr) return items;
  std::vector<Value> kept;
  for (const Value& item : items) {
    const OpenScope inner(scopes_, &scope);
    FACET_RETURN_IF_ERROR(AssignTarget(statement.target, item, *inner));
    FACET_TRY(const Value condition, Evaluate(*statement.condition, *inner));
    if (IsTrue(condition)) kept.push_back(item);
  }
  return kept;
}

Result<void> Interpreter::RunLoop(const Statement& statement, Scope& scope, const Value& iterable,
                                  int depth) {
  FACET_RETURN_IF_ERROR(runtime_.Hold(sizeof(LoopState)));
  LoopState& state = loops_.emplace_back();
  state.depth = depth;
  FACET_TRY(state.items, LoopItems(statement, scope, iterable));
  if (state.items.empty()) {
    const OpenScope inner(scopes_, &scope);
    return Execute(statement.else_body, *inner).map([](Flow) {});
  }
  const size_t held = state.items.size() * sizeof(Value);
  FACET_RETURN_IF_ERROR(runtime_.Hold(held));
  FACET_TRY(const Value loop, MakeLoop(statement, scope, state));
  for (state.index = 0; state.index < state.items.size(); ++state.index) {
    const OpenScope inner(scopes_, &scope);
    FACET_RETURN_IF_ERROR(AssignTarget(statement.target, state.items[state.index], *inner));
    (*inner).Set("loop", loop);
    FACET_TRY(const Flow flow, Execute(statement.body, *inner));
    if (flow == Flow::kBreak) break;
  }
  state.items = {};
  runtime_.Release(held);
  return {};
}

Result<Value> Interpreter::MakeLoop(const Statement& statement, Scope& scope, LoopState& state) {
  const auto again = [this, &statement, &scope,
                      &state](const Arguments& arguments) -> Result<Value> {
    if (!statement.recursive || arguments.positional.size() != 1) {
      return Fail(ErrorCode::kInvalidData, "loop(…) needs a recursive loop and one argument");
    }
    TextBuilder body;
    TextBuilder* const outer = std::exchange(out_, &body);
    auto done = RunLoop(statement, scope, arguments.positional[0], state.depth + 1);
    out_ = outer;
    FACET_RETURN_IF_ERROR(std::move(done));
    return runtime_.Make(std::move(body));
  };
  const auto cycle = [&state](const Arguments& arguments) -> Result<Value> {
    if (arguments.positional.empty()) {
      return Fail(ErrorCode::kInvalidData, "no items for cycling given");
    }
    return arguments.positional[state.index % arguments.positional.size()];
  };
  const auto changed = [this, &state](const Arguments& arguments) -> Result<Value> {
    FACET_TRY(const Value now, runtime_.MakeTuple(arguments.positional));
    bool same = state.last_changed.has_value();
    if (same) {
      FACET_TRY(same, AreEqual(runtime_, *state.last_changed, now));
    }
    state.last_changed = now;
    return Value{!same};
  };
  FACET_TRY(const Value cycle_value, runtime_.MakeFunction({.name = "cycle", .call = cycle}));
  FACET_TRY(const Value changed_value, runtime_.MakeFunction({.name = "changed", .call = changed}));
  // `loop` may be called after this loop has ended, if the template has stored it: its scope must
  // stay.
  if (statement.recursive) FACET_RETURN_IF_ERROR(KeepScopes(scope));
  return runtime_.MakeFunction({.name = "loop",
                                .call = again,
                                .attribute = [&state, cycle_value, changed_value](
                                                 std::string_view name) -> std::optional<Value> {
                                  if (name == "cycle") return cycle_value;
                                  if (name == "changed") return changed_value;
                                  return state.Attribute(name);
                                }});
}

Result<Interpreter::Flow> Interpreter::ExecuteWith(const Statement& statement, Scope& scope) {
  const OpenScope inner(scopes_, &scope);
  for (const auto& [target, expr] : statement.assignments) {
    FACET_TRY(const Value value, Evaluate(*expr, scope));
    FACET_RETURN_IF_ERROR(AssignTarget(target, value, *inner));
  }
  return Execute(statement.body, *inner);
}

Result<void> Interpreter::Assign(const Statement& statement, Scope& scope) {
  FACET_TRY(const Value value, statement.kind == StatementKind::kSet
                                   ? Evaluate(*statement.expr, scope)
                                   : EvaluateOverBody(statement, scope));
  return AssignTarget(statement.target, value, scope);
}

Result<void> Interpreter::AssignTarget(const Target& target, const Value& value, Scope& scope) {
  FACET_RETURN_IF_ERROR(runtime_.Spend(1));
  if (!target.member.empty()) {
    for (Scope* place = &scope; place != nullptr; place = place->parent()) {
      const Value* found = place->Find(target.names[0]);
      if (found == nullptr) continue;
      if (found->name_space() == nullptr) break;
      auto& members = found->name_space()->members;
      if (!members.contains(target.member)) FACET_RETURN_IF_ERROR(runtime_.Hold(128));
      members.insert_or_assign(target.member, value);
      return {};
    }
    return Fail(ErrorCode::kInvalidData, "cannot assign attribute on non-namespace object '{}'",
                target.names[0]);
  }
  if (!target.is_tuple) {
    scope.Set(target.names[0], value);
    return {};
  }
  FACET_TRY(const auto items, Iterate(runtime_, value));
  if (items.size() != target.names.size()) {
    return Fail(ErrorCode::kInvalidData, "cannot unpack {} values into {} names", items.size(),
                target.names.size());
  }
  for (size_t i = 0; i < items.size(); ++i) scope.Set(target.names[i], items[i]);
  return {};
}

Result<Value> Interpreter::RenderBody(const Block& body, Scope& scope) {
  TextBuilder text;
  TextBuilder* const outer = std::exchange(out_, &text);
  const OpenScope inner(scopes_, &scope);
  auto flow = Execute(body, *inner);
  out_ = outer;
  if (!flow) return tl::unexpected<Error>(std::move(flow).error());
  return runtime_.Make(std::move(text));
}

Result<Value> Interpreter::EvaluateOverBody(const Statement& statement, Scope& scope) {
  FACET_TRY(const Value body, RenderBody(statement.body, scope));
  const Value outer = std::exchange(body_, body);
  auto value = Evaluate(*statement.expr, scope);
  body_ = outer;
  return value;
}

Result<void> Interpreter::DefineMacro(const Statement& statement, Scope& scope) {
  FACET_TRY(const Value macro, MakeMacro(statement, scope));
  scope.Set(statement.macro.name, macro);
  return {};
}

Result<void> Interpreter::KeepScopes(Scope& scope) {
  for (Scope* kept = &scope; kept != nullptr && !kept->is_kept(); kept = kept->parent()) {
    kept->Keep();
    // With its names: a loop's scope has two, others few.
    FACET_RETURN_IF_ERROR(runtime_.Hold(sizeof(Scope) + 256));
  }
  return {};
}

Result<Value> Interpreter::MakeMacro(const Statement& statement, Scope& scope) {
  FACET_RETURN_IF_ERROR(KeepScopes(scope));
  return runtime_.MakeFunction({.name = statement.macro.name,
                                .call = [this, &statement, &scope](const Arguments& arguments) {
                                  return CallMacro(statement, scope, arguments);
                                }});
}

Result<Value> Interpreter::CallMacro(const Statement& macro, Scope& definition,
                                     const Arguments& arguments) {
  const OpenScope inner(scopes_, &definition);
  const int line = line_;
  FACET_RETURN_IF_ERROR(BindParameters(macro, *inner, arguments));
  FACET_TRY(const Value text, RenderBody(macro.body, *inner));
  line_ = line;
  return text;
}

Result<void> Interpreter::BindParameters(const Statement& macro, Scope& scope,
                                         const Arguments& arguments) {
  const auto& parameters = macro.macro.parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto named = std::ranges::find(arguments.named, parameters[i].name,
                                         &std::pair<std::string, Value>::first);
    const bool is_named = named != arguments.named.end();
    if (i < arguments.positional.size() && is_named) {
      return Fail(ErrorCode::kInvalidData, "macro '{}' got '{}' twice", macro.macro.name,
                  parameters[i].name);
    }
    Value value;
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (is_named) {
      value = named->second;
    } else if (parameters[i].default_value != nullptr) {
      FACET_TRY(value, Evaluate(*parameters[i].default_value, scope));
    } else {
      FACET_TRY(value, runtime_.MakeUndefined(
                           fmt::format("parameter '{}' was not provided", parameters[i].name)));
    }
    scope.Set(parameters[i].name, value);
  }
  return BindExtras(macro.macro, scope, arguments);
}

Result<void> Interpreter::BindExtras(const MacroInfo& macro, Scope& scope,
                                     const Arguments& arguments) {
  const size_t declared = macro.parameters.size();
  std::vector<Value> extra;
  for (size_t i = declared; i < arguments.positional.size(); ++i) {
    extra.push_back(arguments.positional[i]);
  }
  if (!extra.empty() && !macro.uses_varargs) {
    return Fail(ErrorCode::kInvalidData, "macro '{}' takes not more than {} arguments", macro.name,
                declared);
  }
  Dict named;
  for (const auto& [name, value] : arguments.named) {
    if (std::ranges::find(macro.parameters, name, &Parameter::name) != macro.parameters.end()) {
      continue;
    }
    if (name == "caller" && macro.uses_caller) {
      scope.Set("caller", value);
      continue;
    }
    if (!macro.uses_kwargs) {
      return Fail(ErrorCode::kInvalidData, "macro '{}' takes no keyword argument '{}'", macro.name,
                  name);
    }
    FACET_TRY(const Value key, runtime_.MakeTrusted(name));
    named.Set(key, value);
  }
  if (macro.uses_varargs) {
    FACET_TRY(const Value varargs, runtime_.MakeTuple(std::move(extra)));
    scope.Set("varargs", varargs);
  }
  if (macro.uses_kwargs) {
    FACET_TRY(const Value kwargs, runtime_.MakeDict(std::move(named)));
    scope.Set("kwargs", kwargs);
  }
  return {};
}

Result<void> Interpreter::ExecuteCallBlock(const Statement& statement, Scope& scope) {
  FACET_TRY(const Value caller, MakeMacro(statement, scope));
  FACET_TRY(const Value value,
            EvaluateCall(*statement.expr, {.named = {{"caller", caller}}}, scope));
  return AppendStr(runtime_, value, *out_);
}

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
