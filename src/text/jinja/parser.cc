#include "text/jinja/parser.h"

#include <algorithm>
#include <array>

#include "text/jinja/expression_parser.h"

namespace facet::jinja {
namespace {

/// The longest template that is read; those of models have some 20 kB.
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Result<Block> Run() {
    FACET_TRY(Block block, ParseBlock({}));
    if (tokens_.Peek().kind != TokenKind::kEnd) return tokens_.Unexpected("a tag");
    return block;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  /// Statements until the end, or until a tag of one of the names `until`; that name is the current
  /// token then.
  Result<Block> ParseBlock(Names until) {
    if (++depth_ > kMaxTreeDepth) {
      return Fail(ErrorCode::kResource, "line {}: tags nested more than {} levels deep",
                  tokens_.Peek().line, kMaxTreeDepth);
    }
    Block block;
    while (tokens_.Peek().kind != TokenKind::kEnd) {
      const int line = tokens_.Peek().line;
      if (tokens_.Peek().kind == TokenKind::kBlockBegin) {
        const Token& name = tokens_.Peek(1);
        const bool ends =
            name.kind == TokenKind::kName && std::ranges::find(until, name.text) != until.end();
        tokens_.Next();
        if (ends) break;
      }
      FACET_TRY(Statement statement, ParseStatement());
      statement.line = line;
      block.push_back(std::move(statement));
    }
    if (until.size() > 0 && tokens_.Peek().kind == TokenKind::kEnd) {
      return tokens_.Unexpected(fmt::format("\"{}\"", *(until.end() - 1)));
    }
    --depth_;
    return block;
  }

  /// Text, an output, or the rest of a tag whose "{%" has been taken.
  Result<Statement> ParseStatement() {
    if (tokens_.Peek().kind == TokenKind::kData) {
      Statement statement{.kind = StatementKind::kData};
      statement.data = std::make_unique<const Text>(tokens_.Next().text, std::vector<ByteRange>{});
      return statement;
    }
    if (tokens_.Peek().kind == TokenKind::kVariableBegin) {
      tokens_.Next();
      Statement statement{.kind = StatementKind::kOutput};
      FACET_TRY(statement.expr, expressions_.ParseTuple(true));
      FACET_RETURN_IF_ERROR(tokens_.Expect(TokenKind::kVariableEnd, "\"}}\""));
      return statement;
    }
    const int line = tokens_.Peek().line;
    FACET_TRY(const std::string name, tokens_.ExpectAnyName());
    if (name == "if") return ParseIf();
    if (name == "for") return ParseFor();
    if (name == "set") return ParseSet();
    if (name == "macro") return ParseMacro();
    if (name == "call") return ParseCallBlock();
    if (name == "filter") return ParseFilterBlock();
    if (name == "with") return ParseWith();
    if (name == "generation") return ParseGeneration();
    if (name == "break" || name == "continue") return ParseLoopControl(name, line);
    return Fail(ErrorCode::kUnsupported, "line {}: the tag '{}' is not supported", line, name);
  }

  Result<void> ExpectBlockEnd() { return tokens_.Expect(TokenKind::kBlockEnd, "\"%}\""); }

  /// A body up to `{% end %}`, which is taken.
  Result<Block> ParseBody(std::string_view end) {
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    FACET_TRY(Block body, ParseBlock({end}));
    tokens_.Next();
    return body;
  }

  Result<Statement> ParseIf() {
    Statement statement{.kind = StatementKind::kIf};
    for (bool more = true; more;) {
      FACET_TRY(ExprPtr condition, expressions_.ParseTuple(false));
      FACET_RETURN_IF_ERROR(ExpectBlockEnd());
      FACET_TRY(Block body, ParseBlock({"elif", "else", "endif"}));
      statement.branches.push_back({std::move(condition), std::move(body)});
      more = tokens_.SkipName("elif");
    }
    if (tokens_.SkipName("else")) {
      FACET_TRY(Block body, ParseBody("endif"));
      statement.branches.push_back({nullptr, std::move(body)});
    } else {
      tokens_.Next();
    }
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  Result<Statement> ParseFor() {
    Statement statement{.kind = StatementKind::kFor};
    FACET_TRY(statement.target, ParseTarget());
    FACET_RETURN_IF_ERROR(tokens_.ExpectName("in"));
    FACET_TRY(statement.expr, expressions_.ParseTuple(false));
    if (tokens_.SkipName("if")) {
      FACET_TRY(statement.condition, expressions_.ParseExpression());
    }
    statement.recursive = tokens_.SkipName("recursive");
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    ++loops_;
    FACET_TRY(statement.body, ParseBlock({"else", "endfor"}));
    --loops_;
    if (tokens_.SkipName("else")) {
      FACET_TRY(statement.else_body, ParseBody("endfor"));
    } else {
      tokens_.Next();
    }
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  Result<Target> ParseTarget() {
    Target target;
    const bool parentheses = tokens_.SkipOperator("(");
    do {
      if (!target.names.empty() && tokens_.Peek().kind != TokenKind::kName) break;
      FACET_TRY(std::string name, tokens_.ExpectAnyName());
      constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none",
                                                              "True", "False", "None"};
      if (std::ranges::find(kConstants, name) != kConstants.end()) {
        return Fail(ErrorCode::kInvalidData, "line {}: cannot assign to '{}'", tokens_.Peek().line,
                    name);
      }
      target.names.push_back(std::move(name));
      target.is_tuple = target.is_tuple || tokens_.AtOperator(",");
    } while (tokens_.SkipOperator(","));
    if (parentheses) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
    return target;
  }

  Result<Statement> ParseSet() {
    Statement statement{.kind = StatementKind::kSet};
    FACET_TRY(statement.target, ParseTarget());
    if (!statement.target.is_tuple && tokens_.SkipOperator(".")) {
      FACET_TRY(statement.target.member, tokens_.ExpectAnyName());
    }
    if (tokens_.SkipOperator("=")) {
      FACET_TRY(statement.expr, expressions_.ParseTuple(true));
      FACET_RETURN_IF_ERROR(ExpectBlockEnd());
      return statement;
    }
    statement.kind = StatementKind::kSetBlock;
    FACET_TRY(statement.expr, expressions_.ParseFiltersOfBody(false));
    FACET_TRY(statement.body, ParseBody("endset"));
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  Result<void> ParseParameters(MacroInfo& macro) {
    FACET_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
    while (!tokens_.AtOperator(")")) {
      if (!macro.parameters.empty()) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
      if (tokens_.AtOperator(")")) break;
      Parameter parameter;
      FACET_TRY(parameter.name, tokens_.ExpectAnyName());
      if (tokens_.SkipOperator("=")) {
        FACET_TRY(parameter.default_value, expressions_.ParseExpression());
      } else if (!macro.parameters.empty() && macro.parameters.back().default_value != nullptr) {
        return tokens_.Unexpected("a default value");
      }
      macro.parameters.push_back(std::move(parameter));
    }
    tokens_.Next();
    return {};
  }

  /// The body of a macro, and which of the special names it uses.
  Result<void> ParseMacroBody(Statement& statement, std::string_view end) {
    const SpecialNames outer = std::exchange(expressions_.special_names(), {});
    const int outer_loops = std::exchange(loops_, 0);
    FACET_TRY(statement.body, ParseBody(end));
    const SpecialNames used = std::exchange(expressions_.special_names(), outer);
    loops_ = outer_loops;
    statement.macro.uses_varargs = used.varargs;
    statement.macro.uses_kwargs = used.kwargs;
    statement.macro.uses_caller = used.caller;
    return ExpectBlockEnd();
  }

  Result<Statement> ParseMacro() {
    Statement statement{.kind = StatementKind::kMacro};
    FACET_TRY(statement.macro.name, tokens_.ExpectAnyName());
    FACET_RETURN_IF_ERROR(ParseParameters(statement.macro));
    FACET_RETURN_IF_ERROR(ParseMacroBody(statement, "endmacro"));
    return statement;
  }

  Result<Statement> ParseCallBlock() {
    Statement statement{.kind = StatementKind::kCallBlock};
    statement.macro.name = "caller";
    if (tokens_.AtOperator("(")) FACET_RETURN_IF_ERROR(ParseParameters(statement.macro));
    FACET_TRY(statement.expr, expressions_.ParseExpression());
    if (statement.expr->kind != ExprKind::kCall) return tokens_.Unexpected("a call");
    FACET_RETURN_IF_ERROR(ParseMacroBody(statement, "endcall"));
    return statement;
  }

  Result<Statement> ParseFilterBlock() {
    Statement statement{.kind = StatementKind::kFilterBlock};
    FACET_TRY(statement.expr, expressions_.ParseFiltersOfBody(true));
    FACET_TRY(statement.body, ParseBody("endfilter"));
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  Result<Statement> ParseWith() {
    Statement statement{.kind = StatementKind::kWith};
    while (tokens_.Peek().kind != TokenKind::kBlockEnd) {
      if (!statement.assignments.empty()) FACET_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
      FACET_TRY(std::string name, tokens_.ExpectAnyName());
      FACET_RETURN_IF_ERROR(tokens_.ExpectOperator("="));
      FACET_TRY(ExprPtr value, expressions_.ParseExpression());
      statement.assignments.emplace_back(Target{.names = {std::move(name)}}, std::move(value));
    }
    FACET_TRY(statement.body, ParseBody("endwith"));
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  /// `{% generation %}` marks what training learns from; for a prompt it means nothing.
  Result<Statement> ParseGeneration() {
    Statement statement{.kind = StatementKind::kGroup};
    FACET_TRY(statement.body, ParseBody("endgeneration"));
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return statement;
  }

  Result<Statement> ParseLoopControl(std::string_view name, int line) {
    if (loops_ == 0) {
      return Fail(ErrorCode::kInvalidData, "line {}: '{}' outside of a loop", line, name);
    }
    FACET_RETURN_IF_ERROR(ExpectBlockEnd());
    return Statement{.kind = name == "break" ? StatementKind::kBreak : StatementKind::kContinue};
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Result<Block> ParseTemplate(std::string_view source) {
  if (source.size() > kMaxTemplateBytes) {
    return Fail(ErrorCode::kResource, "a template of more than {} bytes", kMaxTemplateBytes);
  }
  FACET_TRY(std::vector<Token> tokens, Tokenize(source));
  return Parser(std::move(tokens)).Run();
}

}  // namespace facet::jinja
