#include "text/utf8.h"

#include "base/check.h"

namespace facet {
namespace {

constexpr uint8_t Byte(char c) { return static_cast<uint8_t>(c); }

/// What the first byte of a character promises: its length and the allowed range of the second byte
/// (RFC 3629, section 4). The range is what excludes overlong forms, surrogates and above U+10FFFF.
struct Lead {
  int length = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead LeadOf(uint8_t first) {
  if (first < 0x80) return {.length = 1};
  if (first < 0xC2) return {};
  if (first < 0xE0) return {.length = 2};
  if (first == 0xE0) return {.length = 3, .second_min = 0xA0};
  if (first == 0xED) return {.length = 3, .second_max = 0x9F};
  if (first < 0xF0) return {.length = 3};
  if (first == 0xF0) return {.length = 4, .second_min = 0x90};
  if (first < 0xF4) return {.length = 4};
  if (first == 0xF4) return {.length = 4, .second_max = 0x8F};
  return {};
}

/// The number of bytes at the front of `text` that can belong to one character, at most its length.
int ValidPrefix(std::string_view text, const Lead& lead) {
  int count = 1;
  for (; count < lead.length && static_cast<size_t>(count) < text.size(); ++count) {
    const uint8_t byte = Byte(text[static_cast<size_t>(count)]);
    const uint8_t low = count == 1 ? lead.second_min : uint8_t{0x80};
    const uint8_t high = count == 1 ? lead.second_max : uint8_t{0xBF};
    if (byte < low || byte > high) break;
  }
  return count;
}

}  // namespace

Utf8Char ReadUtf8(std::string_view text) {
  if (text.empty()) return {};
  const Lead lead = LeadOf(Byte(text[0]));
  if (lead.length == 0 || ValidPrefix(text, lead) < lead.length) return {};
  if (lead.length == 1) return {.code_point = Byte(text[0]), .length = 1};
  // A lead byte of a character of n bytes carries 7 - n bits.
  auto code_point = static_cast<char32_t>(Byte(text[0]) & ((1 << (7 - lead.length)) - 1));
  for (int i = 1; i < lead.length; ++i) {
    code_point = (code_point << 6) | (Byte(text[static_cast<size_t>(i)]) & 0x3FU);
  }
  return {.code_point = code_point, .length = lead.length};
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const int length = ReadUtf8(text).length;
    if (length == 0) return false;
    text.remove_prefix(static_cast<size_t>(length));
  }
  return true;
}

void AppendUtf8(char32_t code_point, std::string& out) {
  FACET_DCHECK(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)));
  };
  if (code_point < 0x80) {
    out.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    tail(0);
  } else if (code_point < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    tail(6), tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    tail(12), tail(6), tail(0);
  }
}

void Utf8Stream::Push(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) PushByte(byte, out);
}

void Utf8Stream::PushByte(char byte, std::string& out) {
  pending_.push_back(byte);
  const Lead lead = LeadOf(Byte(pending_[0]));
  const bool possible =
      lead.length > 0 && ValidPrefix(pending_, lead) == static_cast<int>(pending_.size());
  if (possible && lead.length == static_cast<int>(pending_.size())) {
    out += pending_;
    pending_.clear();
  } else if (!possible) {
    // The bytes before this one have lost their character; this one may begin another.
    const bool alone = pending_.size() == 1;
    for (size_t i = alone ? 0 : 1; i < pending_.size(); ++i) out += kReplacementCharacter;
    pending_.clear();
    if (!alone) PushByte(byte, out);
  }
}

void Utf8Stream::Finish(std::string& out) {
  if (!pending_.empty()) out += kReplacementCharacter;
  pending_.clear();
}

}  // namespace facet
