// The expressions of the template language. parser.h builds the statements around them.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace facet::jinja {

/// Reads a list of tokens from front to back; the last one, kEnd, is never passed.
class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& Peek(size_t ahead = 0) const;
  Token Next();
  bool AtOperator(std::string_view text) const;
  bool AtName(std::string_view text) const;
  bool SkipOperator(std::string_view text);
  bool SkipName(std::string_view text);
  Result<void> ExpectOperator(std::string_view text);
  Result<void> ExpectName(std::string_view text);
  Result<std::string> ExpectAnyName();
  Result<void> Expect(TokenKind kind, std::string_view what);

  /// An error at the current token: "line 3: expected …, found …".
  tl::unexpected<Error> Unexpected(std::string_view expected) const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

/// Names that a macro may use without declaring them.
struct SpecialNames {
  bool varargs = false;
  bool kwargs = false;
  bool caller = false;
};

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
  Result<ExprPtr> MakeConstant(Value value, int line);
  Result<ExprPtr> MakeOperation(Operator op, int line, ExprPtr left, ExprPtr right);
  bool AtTupleEnd() const;
  bool AtTestArgument() const;

  TokenStream& tokens_;
  SpecialNames special_names_;
  int level_ = 0;
};

}  // namespace facet::jinja
