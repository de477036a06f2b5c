// The operands of expressions: names, literals, brackets, and the subscripts behind them.
#include <charconv>
#include <cstdlib>

#include "text/jinja/expression_parser.h"

namespace facet::jinja {

Result<ExprPtr> ExpressionParser::MakeConstant(Value value, int line) {
  FACET_TRY(ExprPtr expr, Make(ExprKind::kConstant, line, {}));
  expr->constant = value;
  return expr;
}

Result<ExprPtr> ExpressionParser::ParsePrimary() {
  switch (tokens_.Peek().kind) {
    case TokenKind::kName:
      return ParseName();
    case TokenKind::kString:
      return ParseString();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return ParseNumber();
    default:
      break;
  }
  if (tokens_.AtOperator("(")) return ParseParentheses();
  if (tokens_.AtOperator("[")) return ParseListLiteral();
  if (tokens_.AtOperator("{")) return ParseDictLiteral();
  return tokens_.Unexpected("an expression");
}

Result<ExprPtr> ExpressionParser::ParseName() {
  const Token token = tokens_.Next();
  if (token.text == "true" || token.text == "True") return MakeConstant(Value{true}, token.line);
  if (token.text == "false" || token.text == "False") return MakeConstant(Value{false}, token.line);
  if (token.text == "none" || token.text == "None") return MakeConstant(Value{None{}}, token.line);
  special_names_.varargs |= token.text == "varargs";
  special_names_.kwargs |= token.text == "kwargs";
  special_names_.caller |= token.text == "caller";
  FACET_TRY(ExprPtr expr, Make(ExprKind::kName, token.line, {}));
  expr->name = token.text;
  expr->undefined_message = fmt::format("'{}' is undefined", token.text);
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseNumber() {
  const Token token = tokens_.Next();
  if (token.kind == TokenKind::kFloat) {
    return MakeConstant(Value{std::strtod(token.text.c_str(), nullptr)}, token.line);
  }
  int base = 10;
  std::string_view digits = token.text;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) >= 'a') {
    const char kind = static_cast<char>(digits[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  int64_t value = 0;
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  const auto [stop, error] = std::from_chars(begin, end, value, base);
  if (error == std::errc::result_out_of_range) {
    return Fail(ErrorCode::kUnsupported, "line {}: an integer beyond 64 bits", token.line);
  }
  if (error != std::errc() || stop != end) {
    return Fail(ErrorCode::kInvalidData, "line {}: \"{}\" is not a number", token.line, token.text);
  }
  return MakeConstant(Value{value}, token.line);
}

Result<ExprPtr> ExpressionParser::ParseString() {
  const int line = tokens_.Peek().line;
  std::string bytes;
  while (tokens_.Peek().kind == TokenKind::kString) bytes += tokens_.Next().text;
  FACET_TRY(ExprPtr expr, Make(ExprKind::kConstant, line, {}));
  expr->text = std::make_unique<const Text>(std::move(bytes), std::vector<ByteRange>{});
  expr->constant = Value{expr->text.get()};
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseParentheses() {
  const int line = tokens_.Next().line;
  if (tokens_.SkipOperator(")")) return Make(ExprKind::kTuple, line, {});
  FACET_TRY(ExprPtr expr, ParseTuple(true));
  FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseListLiteral() {
  const int line = tokens_.Next().line;
  std::vector<ExprPtr> items;
  while (!tokens_.AtOperator("]")) {
    if (!items.empty()) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.AtOperator("]")) break;
    FACET_TRY(ExprPtr item, ParseExpression());
    items.push_back(std::move(item));
  }
  tokens_.Next();
  return Make(ExprKind::kList, line, std::move(items));
}

Result<ExprPtr> ExpressionParser::ParseDictLiteral() {
  const int line = tokens_.Next().line;
  std::vector<ExprPtr> items;
  while (!tokens_.AtOperator("}")) {
    if (!items.empty()) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.AtOperator("}")) break;
    FACET_TRY(ExprPtr key, ParseExpression());
    FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(":"));
    FACET_TRY(ExprPtr value, ParseExpression());
    items.push_back(std::move(key));
    items.push_back(std::move(value));
  }
  tokens_.Next();
  return Make(ExprKind::kDict, line, std::move(items));
}

Result<ExprPtr> ExpressionParser::ParsePostfix(ExprPtr expr) {
  while (true) {
    if (tokens_.AtOperator(".")) {
      FACET_TRY(expr, ParseAttribute(std::move(expr)));
    } else if (tokens_.AtOperator("[")) {
      FACET_TRY(expr, ParseSubscript(std::move(expr)));
    } else if (tokens_.AtOperator("(")) {
      FACET_TRY(expr, ParseCall(std::move(expr)));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> ExpressionParser::ParseAttribute(ExprPtr object) {
  const int line = tokens_.Next().line;
  if (tokens_.Peek().kind == TokenKind::kInteger) {
    FACET_TRY(ExprPtr index, ParseNumber());
    return Make(ExprKind::kSubscript, line, Children(std::move(object), std::move(index)));
  }
  FACET_TRY(std::string name, tokens_.ExpectAnyName());
  FACET_TRY(ExprPtr expr, Make(ExprKind::kAttribute, line, Children(std::move(object))));
  expr->name = std::move(name);
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseSubscript(ExprPtr object) {
  const int line = tokens_.Next().line;
  ExprPtr key;
  if (!tokens_.AtOperator(":")) {
    FACET_TRY(key, ParseExpression());
  }
  if (tokens_.AtOperator(":")) return ParseSliceRest(std::move(object), std::move(key));
  FACET_RETURN_IF_ERROR(tokens_.ExpectOperator("]"));
  return Make(ExprKind::kSubscript, line, Children(std::move(object), std::move(key)));
}

Result<ExprPtr> ExpressionParser::ParseSliceBound() {
  if (!tokens_.SkipOperator(":")) return ExprPtr();
  if (tokens_.AtOperator(":") || tokens_.AtOperator("]")) return ExprPtr();
  return ParseExpression();
}

Result<ExprPtr> ExpressionParser::ParseSliceRest(ExprPtr object, ExprPtr start) {
  const int line = tokens_.Peek().line;
  std::vector<ExprPtr> children = Children(std::move(object));
  children.push_back(std::move(start));
  FACET_TRY(ExprPtr stop, ParseSliceBound());
  FACET_TRY(ExprPtr step, ParseSliceBound());
  children.push_back(std::move(stop));
  children.push_back(std::move(step));
  FACET_RETURN_IF_ERROR(tokens_.ExpectOperator("]"));
  return Make(ExprKind::kSlice, line, std::move(children));
}

}  // namespace facet::jinja
