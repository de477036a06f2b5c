// Template source to tokens. White space control happens here: "-" and "+" beside the tags, and
// what the model library sets: trim_blocks (no newline behind a block tag), lstrip_blocks (no
// blanks before one at the beginning of a line), no newline at the end of the template.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet::jinja {

enum class TokenKind {
  kData,           ///< text outside of tags
  kVariableBegin,  ///< {{
  kVariableEnd,
  kBlockBegin,  ///< {%
  kBlockEnd,
  kName,
  kString,  ///< its value, escapes resolved
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 0;
};

/// The last token is kEnd. kInvalidData with the line for what is not a template.
Result<std::vector<Token>> Tokenize(std::string_view source);

}  // namespace facet::jinja
