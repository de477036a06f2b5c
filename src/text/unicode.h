// Characters as the chat template's language sees them: white space, lower and upper case by
// Unicode's tables instead of a locale. All text is valid UTF-8; stray bytes are passed through
// unchanged.
#pragma once

#include <string>
#include <string_view>

namespace facet {

/// White space in the sense of Python's str.strip(): Unicode's White_Space and U+001C..U+001F.
bool IsSpace(char32_t code_point);

/// `text` without leading and trailing white space; a view into `text`.
std::string_view Strip(std::string_view text);

/// Length in bytes of the white space that `text` begins with.
size_t LeadingSpace(std::string_view text);

/// Offset in bytes of the white space that `text` ends with (its size if there is none).
size_t TrailingSpace(std::string_view text);

/// Lower and upper case by the mappings of Unicode 15.0, without rules that look at neighbours (a
/// final sigma becomes a plain one).
std::string ToLower(std::string_view text);
std::string ToUpper(std::string_view text);

}  // namespace facet
