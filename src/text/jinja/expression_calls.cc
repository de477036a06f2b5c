// What has arguments: calls, filters and tests.
#include <algorithm>

#include "text/jinja/expression_parser.h"
#include "text/jinja/parser.h"

namespace facet::jinja {

Result<ExprPtr> ExpressionParser::ParseFiltersAndTests(ExprPtr expr) {
  while (true) {
    if (tokens_.AtOperator("|")) {
      tokens_.Next();
      FACET_TRY(expr, ParseFilter(std::move(expr)));
    } else if (tokens_.AtName("is")) {
      FACET_TRY(expr, ParseTest(std::move(expr)));
    } else if (tokens_.AtOperator("(")) {
      FACET_TRY(expr, ParseCall(std::move(expr)));
    } else {
      return expr;
    }
  }
}

/// Reads "(a, b, name=c)" and adds it to the children and the named children of `call`.
Result<void> ExpressionParser::ParseArguments(Expr& call) {
  FACET_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
  for (bool first = true; !tokens_.AtOperator(")"); first = false) {
    if (!first) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.AtOperator(")")) break;
    if (tokens_.AtOperator("*") || tokens_.AtOperator("**")) {
      return Fail(ErrorCode::kUnsupported, "line {}: arguments with * are not supported",
                  tokens_.Peek().line);
    }
    const Token& next = tokens_.Peek(1);
    const bool is_named = tokens_.Peek().kind == TokenKind::kName &&
                          next.kind == TokenKind::kOperator && next.text == "=";
    std::string name;
    if (is_named) {
      name = tokens_.Next().text;
      tokens_.Next();
    } else if (!call.named.empty()) {
      return tokens_.Unexpected("a named argument");
    }
    FACET_TRY(ExprPtr value, ParseExpression());
    call.depth = std::max(call.depth, value->depth + 1);
    if (is_named) {
      call.named.emplace_back(std::move(name), std::move(value));
    } else {
      call.children.push_back(std::move(value));
    }
  }
  tokens_.Next();
  if (call.depth > kMaxTreeDepth) {
    return Fail(ErrorCode::kResource, "line {}: an expression of more than {} levels", call.line,
                kMaxTreeDepth);
  }
  return {};
}

Result<ExprPtr> ExpressionParser::ParseCall(ExprPtr callee) {
  FACET_TRY(ExprPtr expr, Make(ExprKind::kCall, tokens_.Peek().line, Children(std::move(callee))));
  FACET_RETURN_IF_ERROR(ParseArguments(*expr));
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseFilter(ExprPtr input) {
  const int line = tokens_.Peek().line;
  FACET_TRY(std::string name, tokens_.ExpectAnyName());
  FACET_TRY(ExprPtr expr, Make(ExprKind::kFilter, line, Children(std::move(input))));
  expr->filter = FindFilter(name);
  if (expr->filter == nullptr) {
    return Fail(ErrorCode::kUnsupported, "line {}: the filter '{}' is not supported", line, name);
  }
  expr->name = std::move(name);
  if (tokens_.AtOperator("(")) FACET_RETURN_IF_ERROR(ParseArguments(*expr));
  return expr;
}

/// A test may have its argument without parentheses: `x is divisibleby 3`.
bool ExpressionParser::AtTestArgument() const {
  switch (tokens_.Peek().kind) {
    case TokenKind::kString:
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return true;
    case TokenKind::kName:
      return !tokens_.AtName("else") && !tokens_.AtName("or") && !tokens_.AtName("and") &&
             !tokens_.AtName("is") && !tokens_.AtName("if") && !tokens_.AtName("in") &&
             !tokens_.AtName("not");
    default:
      return tokens_.AtOperator("[") || tokens_.AtOperator("{");
  }
}

Result<ExprPtr> ExpressionParser::ParseTest(ExprPtr input) {
  const int line = tokens_.Next().line;
  const bool negated = tokens_.SkipName("not");
  FACET_TRY(std::string name, tokens_.ExpectAnyName());
  FACET_TRY(ExprPtr expr, Make(ExprKind::kTest, line, Children(std::move(input))));
  expr->test = FindTest(name);
  if (expr->test == nullptr) {
    return Fail(ErrorCode::kUnsupported, "line {}: the test '{}' is not supported", line, name);
  }
  expr->name = std::move(name);
  if (tokens_.AtOperator("(")) {
    FACET_RETURN_IF_ERROR(ParseArguments(*expr));
  } else if (AtTestArgument()) {
    FACET_TRY(ExprPtr argument, ParsePrimary());
    FACET_TRY(argument, ParsePostfix(std::move(argument)));
    expr->depth = std::max(expr->depth, argument->depth + 1);
    expr->children.push_back(std::move(argument));
  }
  if (!negated) return expr;
  return Make(ExprKind::kNot, line, Children(std::move(expr)));
}

Result<ExprPtr> ExpressionParser::ParseFiltersOfBody(bool bar_is_optional) {
  FACET_TRY(ExprPtr expr, Make(ExprKind::kBody, tokens_.Peek().line, {}));
  bool expected = bar_is_optional;
  while (expected || tokens_.AtOperator("|")) {
    if (!expected) tokens_.Next();
    expected = false;
    FACET_TRY(expr, ParseFilter(std::move(expr)));
  }
  return expr;
}

}  // namespace facet::jinja
