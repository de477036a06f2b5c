// The expressions of the template language. parser.h builds the statements around them.
#pragma once

#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace facet::jinja {

/// Names that a macro may use without declaring them.
struct SpecialNames {
  bool varargs = false;
  bool kwargs = false;
  bool caller = false;
};

/// The levels of precedence are in expression_parser.cc, names, literals, brackets and subscripts
/// in expression_operands.cc, calls, filters and tests in expression_calls.cc.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  Result<ExprPtr> ParseExpression();
  /// The same without `a if b else c` at the top: what a loop iterates over, whose own `if`
  /// follows.
  Result<ExprPtr> ParseWithoutCondition();
  /// One expression, or several with commas: a tuple.
  Result<ExprPtr> ParseTuple(bool with_condition);
  /// A name, a literal, or something in brackets, and what follows it: subscripts, calls, filters.
  Result<ExprPtr> ParseUnary(bool with_filter);
  /// A chain of filters applied to kBody: "|trim|upper", the first bar left out if
  /// `bar_is_optional`.
  Result<ExprPtr> ParseFiltersOfBody(bool bar_is_optional);
  Result<ExprPtr> Make(ExprKind kind, int line, std::vector<ExprPtr> children);

  /// What the expressions since the last reset name.
  SpecialNames& special_names() { return special_names_; }

 private:
  class Level;

  Result<void> CheckLevel() const;
  Result<ExprPtr> ParseOr();
  Result<ExprPtr> ParseAnd();
  Result<ExprPtr> ParseNot();
  Result<ExprPtr> ParseCompare();
  Result<ExprPtr> ParseSum();
  Result<ExprPtr> ParseConcat();
  Result<ExprPtr> ParseProduct();
  Result<ExprPtr> ParsePower();
  Result<ExprPtr> ParsePrimary();
  Result<ExprPtr> ParseName();
  Result<ExprPtr> ParseNumber();
  Result<ExprPtr> ParseString();
  Result<ExprPtr> ParseParentheses();
  Result<ExprPtr> ParseListLiteral();
  Result<ExprPtr> ParseDictLiteral();
  Result<ExprPtr> ParsePostfix(ExprPtr expr);
  Result<ExprPtr> ParseFiltersAndTests(ExprPtr expr);
  Result<ExprPtr> ParseAttribute(ExprPtr object);
  Result<ExprPtr> ParseSubscript(ExprPtr object);
  Result<ExprPtr> ParseSliceRest(ExprPtr object, ExprPtr start);
  Result<ExprPtr> ParseSliceBound();
  Result<ExprPtr> ParseCall(ExprPtr callee);
  Result<ExprPtr> ParseFilter(ExprPtr input);
  Result<ExprPtr> ParseTest(ExprPtr input);
  Result<void> ParseArguments(Expr& call);
  static std::vector<ExprPtr> Children(ExprPtr first, ExprPtr second = nullptr);
  Result<ExprPtr> MakeConstant(Value value, int line);
  Result<ExprPtr> MakeOperation(Operator op, int line, ExprPtr left, ExprPtr right);
  bool AtTupleEnd() const;
  bool AtTestArgument() const;

  TokenStream& tokens_;
  SpecialNames special_names_;
  int level_ = 0;
};

}  // namespace facet::jinja
