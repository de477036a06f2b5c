#include "prompt/template_values.h"

#include <algorithm>

#include "text/python_float.h"
#include "text/unicode.h"

namespace facet {
namespace {

bool IsWithinDepth(const OrderedJson& value, int levels) {
  if (!value.is_structured()) return true;
  if (levels == 0) return false;
  return std::ranges::all_of(
      value, [levels](const auto& item) { return IsWithinDepth(item, levels - 1); });
}

std::string PrintNumber(const OrderedJson& value) {
  if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return PythonFloat(value.get<double>());
}

void AppendHexEscape(unsigned byte, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 0xF]);
}

// U+0080..U+00A0 and U+00AD are the characters of two UTF-8 bytes below U+0100 that repr() escapes.
bool IsEscapedLatin1(std::string_view text, size_t at) {
  if (at + 1 >= text.size() || text[at] != '\xC2') return false;
  const auto low = static_cast<unsigned char>(text[at + 1]);
  return (low >= 0x80 && low <= 0xA0) || low == 0xAD;
}

std::string ReprString(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      AppendHexEscape(byte, out);
    } else if (IsEscapedLatin1(text, i)) {
      AppendHexEscape(static_cast<unsigned char>(text[++i]), out);
    } else {
      out.push_back(c);
    }
  }
  out.push_back(quote);
  return out;
}

std::string PythonRepr(const OrderedJson& value) {
  return value.is_string() ? ReprString(value.get_ref<const std::string&>()) : PythonStr(value);
}

}  // namespace

Result<void> CheckDepth(const OrderedJson& value, std::string_view what) {
  if (IsWithinDepth(value, kMaxJsonDepth)) return {};
  return Fail(ErrorCode::kResource, "{} is nested more than {} levels deep", what, kMaxJsonDepth);
}

bool IsTruthy(const OrderedJson& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0.0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();  // null counts as empty
}

const OrderedJson& MemberOrNull(const OrderedJson& value, std::string_view key) {
  static const OrderedJson null;
  if (!value.is_object()) return null;
  const auto found = value.find(std::string(key));
  return found == value.end() ? null : *found;
}

std::string PythonStr(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_number()) return PrintNumber(value);
  std::string out(1, value.is_array() ? '[' : '{');
  for (const auto& item : value.items()) {
    if (out.size() > 1) out += ", ";
    if (value.is_object()) out += ReprString(item.key()) + ": ";
    out += PythonRepr(item.value());
  }
  out.push_back(value.is_array() ? ']' : '}');
  return out;
}

std::vector<OrderedJson::object_t::const_pointer> SortedMembers(const OrderedJson& object) {
  using Pointer = OrderedJson::object_t::const_pointer;
  std::vector<std::pair<std::string, Pointer>> keyed;
  for (const auto& member : object.get_ref<const OrderedJson::object_t&>()) {
    keyed.emplace_back(ToLower(member.first), &member);
  }
  // UTF-8 bytes sort as code points do. Members lie in one array, so that equal keys keep their
  // order by comparing addresses.
  std::ranges::sort(keyed);
  std::vector<Pointer> sorted;
  sorted.reserve(keyed.size());
  for (const auto& [key, member] : keyed) sorted.push_back(member);
  return sorted;
}

void WriteQuoted(std::string_view text, PromptWriter& out) {
  out.Trusted(kStringQuote);
  out.Untrusted(text);
  out.Trusted(kStringQuote);
}

void WriteValue(const OrderedJson& value, KeyStyle keys, PromptWriter& out) {
  if (value.is_string()) {
    WriteQuoted(value.get_ref<const std::string&>(), out);
  } else if (value.is_boolean()) {
    out.Trusted(value.get<bool>() ? "true" : "false");
  } else if (value.is_number()) {
    out.Trusted(PrintNumber(value));
  } else if (value.is_array()) {
    out.Trusted("[");
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out.Trusted(",");
      WriteValue(value[i], keys, out);
    }
    out.Trusted("]");
  } else if (value.is_object()) {
    out.Trusted("{");
    bool first = true;
    for (const auto* member : SortedMembers(value)) {
      if (!std::exchange(first, false)) out.Trusted(",");
      if (keys == KeyStyle::kQuoted) {
        WriteQuoted(member->first, out);
      } else {
        out.Untrusted(member->first);
      }
      out.Trusted(":");
      WriteValue(member->second, keys, out);
    }
    out.Trusted("}");
  } else {
    out.Trusted("null");
  }
}

void WriteMembers(const OrderedJson& object, PromptWriter& out) {
  bool first = true;
  for (const auto* member : SortedMembers(object)) {
    if (!std::exchange(first, false)) out.Trusted(",");
    out.Untrusted(member->first);
    out.Trusted(":");
    WriteValue(member->second, KeyStyle::kBare, out);
  }
}

}  // namespace facet
