#include "text/jinja/token_stream.h"

#include <algorithm>

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

}  // namespace facet::jinja
