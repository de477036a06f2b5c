// The tree of a parsed template. Immutable, so that one template serves many renderings at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/tests.h"

namespace facet::jinja {

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;
using Block = std::vector<Statement>;

enum class ExprKind {
  kConstant,     ///< constant, or text
  kName,         ///< name
  kBody,         ///< the rendered body of the block that a filter is applied to
  kList,         ///< children
  kTuple,        ///< children
  kDict,         ///< children: key, value, key, value…
  kAttribute,    ///< children[0].name
  kSubscript,    ///< children[0][children[1]]
  kSlice,        ///< children[0][children[1]:children[2]:children[3]], null for a bound left out
  kCall,         ///< children[0](the other children, named)
  kFilter,       ///< children[0]|filter(the other children, named)
  kTest,         ///< children[0] is test(the other children, named)
  kNot,          ///< not children[0]
  kNegative,     ///< -children[0]
  kPositive,     ///< +children[0]
  kAnd,          ///< children[0] and children[1]
  kOr,           ///< children[0] or children[1]
  kConditional,  ///< children[1] if children[0] else children[2], which may be null
  kConcat,       ///< children[0] ~ children[1] ~ …
  kBinary,       ///< children[0] operators[0] children[1]
  kCompare,      ///< children[0] operators[0] children[1] operators[1] children[2] …
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  int line = 0;
  int depth = 1;  ///< levels of the tree below, itself included
  Value constant = {};
  std::unique_ptr<const Text> text = {};  ///< a string constant; `constant` points to it
  std::string name = {};
  std::string undefined_message = {};  ///< kName: what to say if it is not defined
  std::vector<ExprPtr> children = {};
  std::vector<std::pair<std::string, ExprPtr>> named = {};
  std::vector<Operator> operators = {};
  FilterFn filter = nullptr;
  TestFn test = nullptr;
};

/// What an assignment names: one name, several for a tuple, or a member of a namespace.
struct Target {
  std::vector<std::string> names = {};
  bool is_tuple = false;
  std::string member = {};  ///< names[0].member
};

struct Parameter {
  std::string name;
  ExprPtr default_value;  ///< null for none
};

/// A macro, or the body of a call block.
struct MacroInfo {
  std::string name = {};
  std::vector<Parameter> parameters = {};
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct Branch {
  ExprPtr condition;  ///< null for else
  Block body;
};

enum class StatementKind {
  kData,         ///< data
  kOutput,       ///< expr
  kIf,           ///< branches
  kFor,          ///< target in expr if condition: body, else_body
  kSet,          ///< target = expr
  kSetBlock,     ///< target = expr, in which kBody is the rendered body
  kFilterBlock,  ///< prints expr, in which kBody is the rendered body
  kWith,         ///< assignments in a scope of their own: body
  kMacro,        ///< macro: body
  kCallBlock,    ///< prints the call `expr` with the body as its caller
  kGroup,        ///< body, nothing more
  kBreak,
  kContinue,
};

struct Statement {
  StatementKind kind = StatementKind::kData;
  int line = 0;
  std::unique_ptr<const Text> data = {};
  ExprPtr expr = {};
  ExprPtr condition = {};
  Target target = {};
  bool recursive = false;
  Block body = {};
  Block else_body = {};
  std::vector<Branch> branches = {};
  std::vector<std::pair<Target, ExprPtr>> assignments = {};
  MacroInfo macro = {};
};

}  // namespace facet::jinja
