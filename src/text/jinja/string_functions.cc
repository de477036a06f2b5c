#include "text/jinja/string_functions.h"

#include <algorithm>
#include <cstring>

#include "text/jinja/access.h"
#include "text/jinja/printing.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace facet::jinja {
namespace {

char32_t CodePointAt(const Text& text, size_t offset) {
  return ReadUtf8(text.bytes().substr(offset)).code_point;
}

bool IsCased(std::string_view character) {
  return ToLower(character) != character || ToUpper(character) != character;
}

/// Python's title case of one character, except for the few digraphs that have a third form.
std::string Capital(std::string_view character) {
  const std::string upper = ToUpper(character);
  const auto first = static_cast<size_t>(std::max(1, ReadUtf8(upper).length));
  return upper.substr(0, first) + ToLower(upper.substr(first));
}

bool IsWordSeparator(char32_t c) {
  return IsSpace(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
}

/// Whether the next character begins a word, and how characters of words look.
class CaseMapper {
 public:
  explicit CaseMapper(Case change) : change_(change) {}

  std::string Map(std::string_view character, char32_t code_point) {
    const bool first = std::exchange(first_, false);
    switch (change_) {
      case Case::kLower:
        return ToLower(character);
      case Case::kUpper:
        return ToUpper(character);
      case Case::kCapitalize:
        return first ? Capital(character) : ToLower(character);
      case Case::kSwap:
        return ToLower(character) != character ? ToLower(character) : ToUpper(character);
      case Case::kTitle: {
        const bool inside = std::exchange(in_word_, IsCased(character));
        return inside ? ToLower(character) : Capital(character);
      }
      case Case::kJinjaTitle: {
        const bool separator = IsWordSeparator(code_point);
        const bool inside = std::exchange(in_word_, !separator);
        return inside ? ToLower(character) : ToUpper(character);
      }
    }
    return std::string(character);
  }

 private:
  Case change_;
  bool first_ = true;
  bool in_word_ = false;
};

bool IsLineEnd(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

using Parts = std::vector<std::pair<size_t, size_t>>;

/// Pieces between runs of white space, from the left.
Parts SplitAtSpace(const Text& text, int64_t limit) {
  const std::string_view bytes = text.bytes();
  Parts parts;
  size_t at = LeadingSpace(bytes);
  while (at < bytes.size()) {
    size_t end = at;
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      // Python keeps the white space at the end of a remainder that it does not split.
      parts.emplace_back(at, bytes.size());
      return parts;
    }
    while (end < bytes.size() && !IsSpace(CodePointAt(text, end))) {
      end += static_cast<size_t>(std::max(1, ReadUtf8(bytes.substr(end)).length));
    }
    parts.emplace_back(at, end);
    at = end + LeadingSpace(bytes.substr(end));
  }
  return parts;
}

/// The same from the right.
Parts SplitAtSpaceFromRight(const Text& text, int64_t limit) {
  const std::string_view bytes = text.bytes();
  Parts parts;
  size_t end = TrailingSpace(bytes);
  while (end > 0) {
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.emplace_back(0, end);
      break;
    }
    size_t begin = end;
    while (begin > 0 && TrailingSpace(bytes.substr(0, begin)) == begin) {
      do {
        --begin;
      } while (begin > 0 && (static_cast<unsigned char>(bytes[begin]) & 0xC0U) == 0x80U);
    }
    parts.emplace_back(begin, end);
    end = TrailingSpace(bytes.substr(0, begin));
  }
  std::ranges::reverse(parts);
  return parts;
}

Parts SplitAt(std::string_view bytes, std::string_view separator, int64_t limit) {
  Parts parts;
  size_t at = 0;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const auto found = FindBytes(bytes, separator, at);
    if (!found) break;
    parts.emplace_back(at, *found);
    at = *found + separator.size();
  }
  parts.emplace_back(at, bytes.size());
  return parts;
}

Parts SplitAtFromRight(std::string_view bytes, std::string_view separator, int64_t limit) {
  Parts parts;
  size_t end = bytes.size();
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const auto found = FindLastBytes(bytes.substr(0, end), separator);
    if (!found) break;
    parts.emplace_back(*found + separator.size(), end);
    end = *found;
  }
  parts.emplace_back(0, end);
  std::ranges::reverse(parts);
  return parts;
}

}  // namespace

std::optional<size_t> FindBytes(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::nullopt;
  if (needle.empty()) return from;
  // memmem() is linear in the worst case, std::string_view::find() is not.
  const void* found =
      ::memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

Result<void> SpendOnSearch(Runtime& runtime, std::string_view text, std::string_view needle) {
  return runtime.Spend(1 +
                       static_cast<int64_t>(text.size() * std::max<size_t>(1, needle.size()) / 64));
}

std::optional<size_t> FindLastBytes(std::string_view text, std::string_view needle) {
  const size_t found = text.rfind(needle);
  return found == std::string_view::npos ? std::nullopt : std::optional(found);
}

Result<Value> StripText(Runtime& runtime, const Text& text, Side side, const Text* characters) {
  const std::string_view bytes = text.bytes();
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(bytes.size()));
  size_t begin = 0;
  size_t end = bytes.size();
  if (characters == nullptr) {
    if (side != Side::kRight) begin = LeadingSpace(bytes);
    if (side != Side::kLeft) end = begin + TrailingSpace(bytes.substr(begin));
    return Part(runtime, text, begin, end);
  }
  const auto offsets = text.Offsets();
  const auto is_stripped = [&](size_t index) {
    const size_t length = offsets[index + 1] - offsets[index];
    return FindBytes(characters->bytes(), bytes.substr(offsets[index], length)).has_value();
  };
  size_t first = 0;
  size_t last = offsets.size() - 1;
  while (side != Side::kRight && first < last && is_stripped(first)) ++first;
  while (side != Side::kLeft && first < last && is_stripped(last - 1)) --last;
  FACET_RETURN_IF_ERROR(runtime.Spend(static_cast<int64_t>((first + offsets.size() - 1 - last) *
                                                           (1 + characters->bytes().size() / 64))));
  return Part(runtime, text, offsets[first], offsets[last]);
}

Result<Value> ChangeCase(Runtime& runtime, const Text& text, Case change) {
  FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(text.bytes().size() / 8)));
  CaseMapper mapper(change);
  const auto offsets = text.Offsets();
  TextBuilder builder;
  // Runs of the same trust, so that ranges stay as few as they were.
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::string_view character = text.bytes().substr(offsets[i], offsets[i + 1] - offsets[i]);
    const std::string mapped = mapper.Map(character, CodePointAt(text, offsets[i]));
    const auto ranges = text.untrusted();
    const auto range = std::ranges::upper_bound(ranges, offsets[i], {}, &ByteRange::end);
    if (range != ranges.end() && range->begin <= offsets[i]) {
      builder.AppendUntrusted(mapped);
    } else {
      builder.AppendTrusted(mapped);
    }
  }
  return runtime.Make(std::move(builder));
}

Result<Value> ReplaceText(Runtime& runtime, const Text& text, const Text& from, const Text& to,
                          int64_t count) {
  const std::string_view bytes = text.bytes();
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(bytes.size()));
  TextBuilder builder;
  if (from.bytes().empty()) {  // Python inserts before each character and at the end
    const auto offsets = text.Offsets();
    for (size_t i = 0; i < offsets.size() && !builder.is_full(); ++i) {
      if (count < 0 || static_cast<int64_t>(i) < count) builder.Append(to);
      if (i + 1 < offsets.size()) builder.Append(text, offsets[i], offsets[i + 1]);
    }
    return runtime.Make(std::move(builder));
  }
  size_t at = 0;
  for (int64_t done = 0; (count < 0 || done < count) && !builder.is_full(); ++done) {
    const auto found = FindBytes(bytes, from.bytes(), at);
    if (!found) break;
    builder.Append(text, at, *found);
    builder.Append(to);
    at = *found + from.bytes().size();
  }
  builder.Append(text, at, bytes.size());
  return runtime.Make(std::move(builder));
}

Result<Value> SplitText(Runtime& runtime, const Text& text, const Text* separator, int64_t limit,
                        bool from_right) {
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(text.bytes().size()));
  Parts parts;
  if (separator == nullptr) {
    parts = from_right ? SplitAtSpaceFromRight(text, limit) : SplitAtSpace(text, limit);
  } else if (separator->bytes().empty()) {
    return Fail(ErrorCode::kInvalidData, "empty separator");
  } else if (from_right) {
    FACET_RETURN_IF_ERROR(SpendOnSearch(runtime, text.bytes(), separator->bytes()));
    parts = SplitAtFromRight(text.bytes(), separator->bytes(), limit);
  } else {
    parts = SplitAt(text.bytes(), separator->bytes(), limit);
  }
  std::vector<Value> items;
  for (const auto& [begin, end] : parts) {
    FACET_TRY(const Value part, Part(runtime, text, begin, end));
    items.push_back(part);
  }
  return runtime.MakeList(std::move(items));
}

Result<std::vector<Value>> SplitLines(Runtime& runtime, const Text& text) {
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(text.bytes().size()));
  const auto offsets = text.Offsets();
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const char32_t c = CodePointAt(text, offsets[i]);
    if (!IsLineEnd(c)) continue;
    FACET_TRY(const Value line, Part(runtime, text, begin, offsets[i]));
    lines.push_back(line);
    const bool pair =
        c == '\r' && i + 2 < offsets.size() && CodePointAt(text, offsets[i + 1]) == '\n';
    if (pair) ++i;
    begin = offsets[i + 1];
  }
  if (begin < text.bytes().size()) {
    FACET_TRY(const Value line, Part(runtime, text, begin, text.bytes().size()));
    lines.push_back(line);
  }
  return lines;
}

Result<Value> JoinTexts(Runtime& runtime, const std::vector<Value>& items, const Value& separator) {
  TextBuilder builder;
  for (size_t i = 0; i < items.size() && !builder.is_full(); ++i) {
    if (i > 0) FACET_RETURN_IF_ERROR(AppendStr(runtime, separator, builder));
    FACET_RETURN_IF_ERROR(AppendStr(runtime, items[i], builder));
  }
  return runtime.Make(std::move(builder));
}

}  // namespace facet::jinja
