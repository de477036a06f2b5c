// Macros: made, kept, called.
#include <algorithm>

#include "text/jinja/interpreter.h"
#include "text/jinja/printing.h"

namespace facet::jinja {

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

}  // namespace facet::jinja
