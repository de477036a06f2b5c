// Runs the tree of a template.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/scope.h"

namespace facet::jinja {

/// What a loop variable knows. It outlives its loop, because a template may store `loop`.
struct LoopState {
  std::vector<Value> items;
  size_t index = 0;
  int depth = 1;
  std::optional<Value> last_changed;

  /// loop.name; nothing for an unknown name, and for all names once the loop has ended.
  std::optional<Value> Attribute(std::string_view name) const;
};

/// One rendering. The template and the runtime are borrowed. Statements are in interpreter.cc,
/// loops, macros and expressions in files of their own.
class Interpreter {
 public:
  /// Levels of expressions, statements and macro calls inside each other. At some 500 bytes of
  /// stack a level this fits every thread's stack, sanitizers included.
  static constexpr int kMaxDepth = 1000;

  Interpreter(const Block& block, Runtime& runtime) : block_(block), runtime_(runtime) {}

  /// Renders with `globals` as the names that are known at the start. Errors carry the line.
  Result<Text> Run(const std::vector<std::pair<std::string, Value>>& globals);

 private:
  enum class Flow { kNormal, kBreak, kContinue };

  /// Counts the levels of recursion while it lives.
  class Level {
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

  Result<Flow> Execute(const Block& block, Scope& scope);
  Result<Flow> Execute(const Statement& statement, Scope& scope);
  Result<Flow> ExecuteIf(const Statement& statement, Scope& scope);
  Result<Flow> ExecuteFor(const Statement& statement, Scope& scope);
  Result<void> Output(const Statement& statement, Scope& scope);
  Result<void> Assign(const Statement& statement, Scope& scope);
  Result<void> AssignTarget(const Target& target, const Value& value, Scope& scope);
  Result<void> DefineMacro(const Statement& statement, Scope& scope);
  Result<void> ExecuteCallBlock(const Statement& statement, Scope& scope);
  Result<Flow> ExecuteWith(const Statement& statement, Scope& scope);

  Result<void> RunLoop(const Statement& statement, Scope& scope, const Value& iterable, int depth);
  Result<std::vector<Value>> LoopItems(const Statement& statement, Scope& scope,
                                       const Value& iterable);
  Result<Value> MakeLoop(const Statement& statement, Scope& scope, LoopState& state);

  /// The block's output as a text, in a scope of its own.
  Result<Value> RenderBody(const Block& body, Scope& scope);
  /// The expression with the rendered body of `statement` as kBody.
  Result<Value> EvaluateOverBody(const Statement& statement, Scope& scope);
  /// Makes a scope and those around it stay until the rendering ends: something made there may run
  /// later.
  Result<void> KeepScopes(Scope& scope);
  Result<Value> MakeMacro(const Statement& statement, Scope& scope);
  Result<Value> CallMacro(const Statement& macro, Scope& definition, const Arguments& arguments);
  Result<void> BindParameters(const Statement& macro, Scope& scope, const Arguments& arguments);
  Result<void> BindExtras(const MacroInfo& macro, Scope& scope, const Arguments& arguments);

  Result<Value> Evaluate(const Expr& expr, Scope& scope);
  Result<Value> EvaluateName(const Expr& expr, Scope& scope);
  Result<std::vector<Value>> EvaluateChildren(const Expr& expr, size_t first, Scope& scope);
  Result<Value> EvaluateDict(const Expr& expr, Scope& scope);
  Result<Value> EvaluateSlice(const Expr& expr, Scope& scope);
  Result<Value> EvaluateConcat(const Expr& expr, Scope& scope);
  Result<Value> EvaluateCompare(const Expr& expr, Scope& scope);
  Result<Value> EvaluateCall(const Expr& expr, const Arguments& extra, Scope& scope);
  Result<Arguments> EvaluateArguments(const Expr& expr, Scope& scope);

  const Block& block_;
  Runtime& runtime_;
  std::deque<Scope> scopes_;
  std::deque<LoopState> loops_;
  TextBuilder* out_ = nullptr;  // where the running block prints
  Value body_;                  // what kBody stands for
  int depth_ = 0;
  int line_ = 0;  // of the statement that runs
};

}  // namespace facet::jinja
