// What facet understands of a tokenizer.json beside its tables: the pipeline of Gemma's tokenizer
// and its added tokens. Anything else is refused by the name of the part, never ignored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace facet {

struct AddedToken {
  std::string piece;
  int64_t id = 0;
  /// False for runs of white space, which older Gemma files list as added tokens although they are
  /// ordinary text. Everything else among the added tokens controls the model, whatever its own
  /// "special" flag says: the files do not set it for "<|channel>" and its like.
  bool special = true;
};

struct TokenizerParts {
  std::vector<AddedToken> added;
  /// The token that the post-processor puts in front of a text; empty for none.
  std::string prefix_token;
};

/// Checks model flags, normalizer, pre_tokenizer, decoder and post_processor; reads added_tokens.
/// `truncation` and `padding` are requests of a training script and have no meaning here.
Result<TokenizerParts> ReadTokenizerParts(const nlohmann::json& document);

}  // namespace facet
