#include "text/jinja/interpreter.h"

#include <utility>

#include "text/jinja/access.h"
#include "text/jinja/printing.h"

namespace facet::jinja {

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

}  // namespace facet::jinja
