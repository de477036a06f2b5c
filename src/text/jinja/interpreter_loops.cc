// Loops, and what a template can ask of `loop`.
#include "text/jinja/access.h"
#include "text/jinja/interpreter.h"

namespace facet::jinja {

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

}  // namespace facet::jinja
