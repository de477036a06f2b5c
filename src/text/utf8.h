// UTF-8 as RFC 3629 defines it: checking, reading one code point, and joining bytes that arrive one
// by one. Surrogates, overlong forms and code points above U+10FFFF are invalid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace facet {

/// U+FFFD, the character that stands for what could not be decoded.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// What stands at one place of a text.
struct Utf8Char {
  char32_t code_point = 0;
  /// 1 to 4 bytes; 0 if no valid character starts here.
  int length = 0;
};

/// The character that starts at `text[0]`.
Utf8Char ReadUtf8(std::string_view text);

bool IsValidUtf8(std::string_view text);

/// Appends a code point, which must be valid (no surrogate, at most U+10FFFF).
void AppendUtf8(char32_t code_point, std::string& out);

/// Joins bytes to characters. What comes out is always valid UTF-8 and never ends inside a
/// character.
class Utf8Stream {
 public:
  /// Takes bytes, appends the characters that they complete to `out`. Each byte that cannot be part
  /// of a character becomes one U+FFFD.
  void Push(std::string_view bytes, std::string& out);

  /// Ends the stream: an incomplete character at the end becomes one U+FFFD, whatever its length.
  void Finish(std::string& out);

 private:
  void PushByte(char byte, std::string& out);

  std::string pending_;  // the first bytes of a character, at most three
};

}  // namespace facet
