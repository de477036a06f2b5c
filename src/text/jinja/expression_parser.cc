#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>

#include "text/jinja/parser.h"

namespace facet::jinja {
namespace {

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "text";
    case TokenKind::kVariableBegin:
      return "\"{{\"";
    case TokenKind::kVariableEnd:
      return "\"}}\"";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kBlockEnd:
      return "\"%}\"";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return fmt::format("\"{}\"", token.text.substr(0, 40));
  }
}

/// The operators of one level of precedence that a token may be.
std::optional<Operator> FindOperator(
    const Token& token, std::initializer_list<std::pair<std::string_view, Operator>> operators) {
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  const auto found =
      std::ranges::find(operators, token.text, &std::pair<std::string_view, Operator>::first);
  return found == operators.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

const Token& TokenStream::Peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

Token TokenStream::Next() {
  Token token = Peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenStream::AtOperator(std::string_view text) const {
  return Peek().kind == TokenKind::kOperator && Peek().text == text;
}

bool TokenStream::AtName(std::string_view text) const {
  return Peek().kind == TokenKind::kName && Peek().text == text;
}

bool TokenStream::SkipOperator(std::string_view text) {
  const bool here = AtOperator(text);
  if (here) Next();
  return here;
}

bool TokenStream::SkipName(std::string_view text) {
  const bool here = AtName(text);
  if (here) Next();
  return here;
}

Result<void> TokenStream::ExpectOperator(std::string_view text) {
  if (!SkipOperator(text)) return Unexpected(fmt::format("\"{}\"", text));
  return {};
}

Result<void> TokenStream::ExpectName(std::string_view text) {
  if (!SkipName(text)) return Unexpected(fmt::format("\"{}\"", text));
  return {};
}

Result<std::string> TokenStream::ExpectAnyName() {
  if (Peek().kind != TokenKind::kName) return Unexpected("a name");
  return Next().text;
}

Result<void> TokenStream::Expect(TokenKind kind, std::string_view what) {
  if (Peek().kind != kind) return Unexpected(what);
  Next();
  return {};
}

tl::unexpected<Error> TokenStream::Unexpected(std::string_view expected) const {
  return Fail(ErrorCode::kInvalidData, "line {}: expected {}, found {}", Peek().line, expected,
              Describe(Peek()));
}

/// Counts the levels of recursion while it lives.
class ExpressionParser::Level {
 public:
  explicit Level(int& level) : level_(level) { ++level_; }
  ~Level() { --level_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& level_;
};

Result<void> ExpressionParser::CheckLevel() const {
  // One level of brackets takes two: an expression and the operand in it.
  if (level_ <= 2 * kMaxTreeDepth) return {};
  return Fail(ErrorCode::kResource, "line {}: an expression of more than {} levels",
              tokens_.Peek().line, kMaxTreeDepth);
}

Result<ExprPtr> ExpressionParser::Make(ExprKind kind, int line, std::vector<ExprPtr> children) {
  auto expr = std::make_unique<Expr>(Expr{.kind = kind, .line = line});
  for (const ExprPtr& child : children) {
    if (child != nullptr) expr->depth = std::max(expr->depth, child->depth + 1);
  }
  if (expr->depth > kMaxTreeDepth) {
    return Fail(ErrorCode::kResource, "line {}: an expression of more than {} levels", line,
                kMaxTreeDepth);
  }
  expr->children = std::move(children);
  return expr;
}

namespace {

std::vector<ExprPtr> Children(ExprPtr first, ExprPtr second = nullptr) {
  std::vector<ExprPtr> children;
  children.push_back(std::move(first));
  if (second != nullptr) children.push_back(std::move(second));
  return children;
}

}  // namespace

Result<ExprPtr> ExpressionParser::MakeConstant(Value value, int line) {
  FACET_TRY(ExprPtr expr, Make(ExprKind::kConstant, line, {}));
  expr->constant = value;
  return expr;
}

Result<ExprPtr> ExpressionParser::MakeOperation(Operator op, int line, ExprPtr left,
                                                ExprPtr right) {
  FACET_TRY(ExprPtr expr,
            Make(ExprKind::kBinary, line, Children(std::move(left), std::move(right))));
  expr->operators.push_back(op);
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseExpression() {
  const Level level(level_);
  FACET_RETURN_IF_ERROR(CheckLevel());
  FACET_TRY(ExprPtr expr, ParseOr());
  while (tokens_.AtName("if")) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr condition, ParseOr());
    ExprPtr otherwise;
    if (tokens_.SkipName("else")) {
      FACET_TRY(otherwise, ParseExpression());
    }
    auto children = Children(std::move(condition), std::move(expr));
    children.push_back(std::move(otherwise));
    FACET_TRY(expr, Make(ExprKind::kConditional, line, std::move(children)));
  }
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseWithoutCondition() { return ParseOr(); }

bool ExpressionParser::AtTupleEnd() const {
  const TokenKind kind = tokens_.Peek().kind;
  return kind == TokenKind::kVariableEnd || kind == TokenKind::kBlockEnd ||
         kind == TokenKind::kEnd || tokens_.AtOperator(")");
}

Result<ExprPtr> ExpressionParser::ParseTuple(bool with_condition) {
  const int line = tokens_.Peek().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  do {
    if (is_tuple && AtTupleEnd()) break;
    FACET_TRY(ExprPtr item, with_condition ? ParseExpression() : ParseWithoutCondition());
    items.push_back(std::move(item));
    is_tuple = is_tuple || tokens_.AtOperator(",");
  } while (tokens_.SkipOperator(","));
  if (!is_tuple) return std::move(items[0]);
  return Make(ExprKind::kTuple, line, std::move(items));
}

Result<ExprPtr> ExpressionParser::ParseOr() {
  FACET_TRY(ExprPtr left, ParseAnd());
  while (tokens_.AtName("or")) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr right, ParseAnd());
    FACET_TRY(left, Make(ExprKind::kOr, line, Children(std::move(left), std::move(right))));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::ParseAnd() {
  FACET_TRY(ExprPtr left, ParseNot());
  while (tokens_.AtName("and")) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr right, ParseNot());
    FACET_TRY(left, Make(ExprKind::kAnd, line, Children(std::move(left), std::move(right))));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::ParseNot() {
  if (!tokens_.AtName("not")) return ParseCompare();
  const Level level(level_);
  FACET_RETURN_IF_ERROR(CheckLevel());
  const int line = tokens_.Next().line;
  FACET_TRY(ExprPtr operand, ParseNot());
  return Make(ExprKind::kNot, line, Children(std::move(operand)));
}

Result<ExprPtr> ExpressionParser::ParseCompare() {
  const int line = tokens_.Peek().line;
  FACET_TRY(ExprPtr first, ParseSum());
  std::vector<ExprPtr> operands = Children(std::move(first));
  std::vector<Operator> operators;
  while (true) {
    auto op = FindOperator(tokens_.Peek(), {{"==", Operator::kEqual},
                                            {"!=", Operator::kNotEqual},
                                            {"<", Operator::kLess},
                                            {"<=", Operator::kLessEqual},
                                            {">", Operator::kGreater},
                                            {">=", Operator::kGreaterEqual}});
    if (tokens_.AtName("in")) op = Operator::kIn;
    const bool not_in = tokens_.AtName("not") && tokens_.Peek(1).kind == TokenKind::kName &&
                        tokens_.Peek(1).text == "in";
    if (not_in) {
      tokens_.Next();
      op = Operator::kNotIn;
    }
    if (!op) break;
    tokens_.Next();
    FACET_TRY(ExprPtr operand, ParseSum());
    operators.push_back(*op);
    operands.push_back(std::move(operand));
  }
  if (operators.empty()) return std::move(operands[0]);
  FACET_TRY(ExprPtr expr, Make(ExprKind::kCompare, line, std::move(operands)));
  expr->operators = std::move(operators);
  return expr;
}

Result<ExprPtr> ExpressionParser::ParseSum() {
  FACET_TRY(ExprPtr left, ParseConcat());
  while (const auto op =
             FindOperator(tokens_.Peek(), {{"+", Operator::kAdd}, {"-", Operator::kSubtract}})) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr right, ParseConcat());
    FACET_TRY(left, MakeOperation(*op, line, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::ParseConcat() {
  const int line = tokens_.Peek().line;
  FACET_TRY(ExprPtr first, ParseProduct());
  if (!tokens_.AtOperator("~")) return first;
  std::vector<ExprPtr> parts = Children(std::move(first));
  while (tokens_.SkipOperator("~")) {
    FACET_TRY(ExprPtr part, ParseProduct());
    parts.push_back(std::move(part));
  }
  return Make(ExprKind::kConcat, line, std::move(parts));
}

Result<ExprPtr> ExpressionParser::ParseProduct() {
  FACET_TRY(ExprPtr left, ParsePower());
  while (const auto op = FindOperator(tokens_.Peek(), {{"*", Operator::kMultiply},
                                                       {"/", Operator::kDivide},
                                                       {"//", Operator::kFloorDivide},
                                                       {"%", Operator::kModulo}})) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr right, ParsePower());
    FACET_TRY(left, MakeOperation(*op, line, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::ParsePower() {
  FACET_TRY(ExprPtr left, ParseUnary(true));
  while (tokens_.AtOperator("**")) {
    const int line = tokens_.Next().line;
    FACET_TRY(ExprPtr right, ParseUnary(true));
    FACET_TRY(left, MakeOperation(Operator::kPower, line, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::ParseUnary(bool with_filter) {
  const Level level(level_);
  FACET_RETURN_IF_ERROR(CheckLevel());
  ExprPtr expr;
  if (tokens_.AtOperator("-") || tokens_.AtOperator("+")) {
    const Token sign = tokens_.Next();
    FACET_TRY(ExprPtr operand, ParseUnary(false));
    const ExprKind kind = sign.text == "-" ? ExprKind::kNegative : ExprKind::kPositive;
    FACET_TRY(expr, Make(kind, sign.line, Children(std::move(operand))));
  } else {
    FACET_TRY(expr, ParsePrimary());
  }
  FACET_TRY(expr, ParsePostfix(std::move(expr)));
  return with_filter ? ParseFiltersAndTests(std::move(expr)) : Result<ExprPtr>(std::move(expr));
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
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
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
