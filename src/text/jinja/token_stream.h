// The tokens of a template, for the parsers that read them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

}  // namespace facet::jinja
