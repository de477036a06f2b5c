// Token by token to text, for answers that are shown while they are made.
#pragma once

#include <cstdint>
#include <string>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace facet {

/// Text comes out in whole characters only: bytes of an unfinished one wait for the tokens that
/// complete it. Each byte that can no longer become part of a character is one U+FFFD. For runs of
/// byte tokens that are valid UTF-8 the result is that of Tokenizer::Decode(); for others it keeps
/// the valid characters, of which Decode() knows nothing before the run ends.
class StreamDecoder {
 public:
  /// Borrows the tokenizer, which must live longer.
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  /// The text that this token completes; may be empty.
  std::string Push(int32_t id);

  /// Ends the text: one U+FFFD if a character is unfinished, else nothing. The decoder is then as
  /// new.
  std::string Finish();

 private:
  const Tokenizer* tokenizer_;
  Utf8Stream stream_;
};

}  // namespace facet
