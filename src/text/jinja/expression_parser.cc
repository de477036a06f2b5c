#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/jinja/parser.h"

namespace facet::jinja {
namespace {

/// The operators of one level of precedence that a token may be.
std::optional<Operator> FindOperator(
    const Token& token, std::initializer_list<std::pair<std::string_view, Operator>> operators) {
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  const auto found =
      std::ranges::find(operators, token.text, &std::pair<std::string_view, Operator>::first);
  return found == operators.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

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

std::vector<ExprPtr> ExpressionParser::Children(ExprPtr first, ExprPtr second) {
  std::vector<ExprPtr> children;
  children.push_back(std::move(first));
  if (second != nullptr) children.push_back(std::move(second));
  return children;
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

}  // namespace facet::jinja
