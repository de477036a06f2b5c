// String operations that methods and filters share. All keep the trust of what they copy.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

enum class Side { kBoth, kLeft, kRight };

/// Without white space at the ends, or without the characters in `characters`.
Result<Value> StripText(Runtime& runtime, const Text& text, Side side, const Text* characters);

enum class Case { kLower, kUpper, kCapitalize, kTitle, kJinjaTitle, kSwap };

/// kCapitalize: the first character upper, the rest lower. kTitle: each run of letters so
/// (str.title); kJinjaTitle: each word so, where words end at white space, - ( { [ and < (the title
/// filter).
Result<Value> ChangeCase(Runtime& runtime, const Text& text, Case change);

/// At most `count` replacements; all if negative.
Result<Value> ReplaceText(Runtime& runtime, const Text& text, const Text& from, const Text& to,
                          int64_t count);

/// str.split() and str.rsplit(): at white space if `separator` is null; at most `limit` splits, all
/// if negative.
Result<Value> SplitText(Runtime& runtime, const Text& text, const Text* separator, int64_t limit,
                        bool from_right);

/// The lines of str.splitlines(), without their ends.
Result<std::vector<Value>> SplitLines(Runtime& runtime, const Text& text);

/// separator.join(str(item) for item in items)
Result<Value> JoinTexts(Runtime& runtime, const std::vector<Value>& items, const Value& separator);

/// Byte offset of the first occurrence of `needle` in `text` at or behind `from`. Linear.
std::optional<size_t> FindBytes(std::string_view text, std::string_view needle, size_t from = 0);

/// Byte offset of the last occurrence. May take text times needle: SpendOnSearch() first.
std::optional<size_t> FindLastBytes(std::string_view text, std::string_view needle);
Result<void> SpendOnSearch(Runtime& runtime, std::string_view text, std::string_view needle);

}  // namespace facet::jinja
