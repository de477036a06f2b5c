#include "text/unicode.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "text/unicode_case_data.h"

namespace facet {
namespace {

struct Decoded {
  char32_t code_point = 0;
  size_t bytes = 1;
};

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u; }

/// The character at `at`. A stray or cut byte counts as one character, U+FFFD.
Decoded DecodeAt(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (bytes == 1 || at + bytes > text.size()) return {0xFFFD, 1};
  char32_t code_point = lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[at + i])) return {0xFFFD, 1};
    code_point = (code_point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  }
  return {code_point, bytes};
}

void AppendUtf8(char32_t c, std::string& out) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

char32_t MapByRange(char32_t c, std::span<const CaseRange> ranges) {
  auto range = std::upper_bound(ranges.begin(), ranges.end(), c,
                                [](char32_t x, const CaseRange& r) { return x < r.first; });
  if (range == ranges.begin()) return c;
  --range;
  if (c > range->last || (c - range->first) % range->step != 0) return c;
  return static_cast<char32_t>(static_cast<int32_t>(c) + range->offset);
}

std::string MapCase(std::string_view text, char first_ascii, std::span<const CaseRange> ranges,
                    std::span<const LongCase> longer) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Decoded c = DecodeAt(text, at);
    if (c.bytes == 1) {
      const char byte = text[at];
      const bool mapped = byte >= first_ascii && byte <= first_ascii + 25;
      out.push_back(mapped ? static_cast<char>(byte ^ 0x20) : byte);
    } else if (const auto found = std::ranges::find(longer, c.code_point, &LongCase::code_point);
               found != longer.end()) {
      out += found->mapped;
    } else {
      AppendUtf8(MapByRange(c.code_point, ranges), out);
    }
    at += c.bytes;
  }
  return out;
}

}  // namespace

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

size_t LeadingSpace(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Decoded c = DecodeAt(text, at);
    if (!IsSpace(c.code_point)) break;
    at += c.bytes;
  }
  return at;
}

size_t TrailingSpace(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && IsContinuation(text[begin])) --begin;
    const Decoded c = DecodeAt(text, begin);
    if (begin + c.bytes != end || !IsSpace(c.code_point)) break;
    end = begin;
  }
  return end;
}

std::string_view Strip(std::string_view text) {
  text.remove_prefix(LeadingSpace(text));
  return text.substr(0, TrailingSpace(text));
}

std::string ToLower(std::string_view text) { return MapCase(text, 'A', kLowerRanges, kLongLower); }
std::string ToUpper(std::string_view text) { return MapCase(text, 'a', kUpperRanges, kLongUpper); }

}  // namespace facet
