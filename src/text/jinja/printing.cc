#include "text/jinja/printing.h"

#include <algorithm>
#include <cmath>

#include "text/python_float.h"
#include "text/utf8.h"

namespace facet::jinja {
namespace {

Utf8Char CharacterAt(std::string_view text, size_t at) {
  const Utf8Char character = ReadUtf8(text.substr(at));
  return character.length > 0 ? character : Utf8Char{.code_point = 0xFFFD, .length = 1};
}

/// The escape of repr() for a character, or nothing if it prints as it is.
std::string ReprEscape(char32_t c, char quote) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  if (c == '\\' || c == static_cast<char32_t>(quote)) return {'\\', static_cast<char>(c)};
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) {
    return fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
  }
  // The other white space, the invisible marks beside it, private use and non-characters of the
  // first plane.
  const bool hidden = c == 0x1680 || (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
                      (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF ||
                      (c >= 0xE000 && c <= 0xF8FF) || c == 0xFFFE || c == 0xFFFF;
  return hidden ? fmt::format("\\u{:04x}", static_cast<uint32_t>(c)) : std::string();
}

/// The escape of JSON for a character, or nothing if it prints as it is.
std::string JsonEscape(char32_t c, bool ascii) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  if (c >= 0x20 && (c < 0x7F || !ascii)) return {};
  if (c < 0x20 || c < 0x10000) return fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  const auto rest = static_cast<uint32_t>(c) - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
}

/// Appends `text` with each character replaced by its escape, if it has one. Escapes keep the trust
/// of the character.
template <typename EscapeOf>
void AppendEscaped(const Text& text, EscapeOf escape_of, TextBuilder& out) {
  const std::string_view bytes = text.bytes();
  size_t plain = 0;
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char character = CharacterAt(bytes, at);
    const size_t next = at + static_cast<size_t>(character.length);
    const std::string escape = escape_of(character.code_point);
    if (!escape.empty()) {
      out.Append(text, plain, at);
      out.AppendLike(escape, text);
      plain = next;
    }
    at = next;
  }
  out.Append(text, plain, bytes.size());
}

void AppendReprText(const Text& text, TextBuilder& out) {
  const std::string_view bytes = text.bytes();
  const bool has_single = bytes.find('\'') != std::string_view::npos;
  const char quote = has_single && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  out.AppendTrusted({&quote, 1});
  AppendEscaped(text, [quote](char32_t c) { return ReprEscape(c, quote); }, out);
  out.AppendTrusted({&quote, 1});
}

void AppendJsonText(const Text& text, const JsonStyle& style, TextBuilder& out) {
  out.AppendTrusted("\"");
  AppendEscaped(text, [&style](char32_t c) { return JsonEscape(c, style.ascii); }, out);
  out.AppendTrusted("\"");
}

std::string ScalarRepr(const Value& value) {
  if (value.is_none()) return "None";
  if (value.is_bool()) return IsTrue(value) ? "True" : "False";
  if (value.is_float()) return PythonFloat(*AsNumber(value));
  return std::to_string(*AsInt(value));
}

Result<void> AppendListRepr(Runtime& runtime, const List& list, TextBuilder& out) {
  out.AppendTrusted(list.is_tuple ? "(" : "[");
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.AppendTrusted(", ");
    FACET_RETURN_IF_ERROR(AppendRepr(runtime, list.items[i], out));
  }
  if (list.is_tuple && list.items.size() == 1) out.AppendTrusted(",");
  out.AppendTrusted(list.is_tuple ? ")" : "]");
  return {};
}

Result<void> AppendDictRepr(Runtime& runtime, const Dict& dict, TextBuilder& out) {
  out.AppendTrusted("{");
  for (size_t i = 0; i < dict.items().size(); ++i) {
    if (i > 0) out.AppendTrusted(", ");
    FACET_RETURN_IF_ERROR(AppendRepr(runtime, dict.items()[i].first, out));
    out.AppendTrusted(": ");
    FACET_RETURN_IF_ERROR(AppendRepr(runtime, dict.items()[i].second, out));
  }
  out.AppendTrusted("}");
  return {};
}

std::string JsonNumber(const Value& value) {
  const double number = *AsNumber(value);
  if (!value.is_float()) return std::to_string(*AsInt(value));
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  return PythonFloat(number);
}

/// A scalar as JSON; nothing for other kinds.
std::optional<std::string> JsonScalar(const Value& value) {
  if (value.is_none()) return "null";
  if (value.is_bool()) return IsTrue(value) ? "true" : "false";
  if (AsNumber(value)) return JsonNumber(value);
  return std::nullopt;
}

/// Writes the containers of JSON; recursion is bounded by Runtime::kMaxNesting.
class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style, TextBuilder& out)
      : runtime_(runtime), style_(style), out_(out) {}

  Result<void> Write(const Value& value, int level) {
    FACET_RETURN_IF_ERROR(runtime_.Spend(1));
    if (const Text* text = value.text()) {
      AppendJsonText(*text, style_, out_);
      return runtime_.SpendBytes(text->bytes().size());
    }
    if (const List* list = value.list()) return WriteList(*list, level);
    if (const Dict* dict = value.dict()) return WriteDict(*dict, level);
    const auto scalar = JsonScalar(value);
    if (!scalar) {
      return Fail(ErrorCode::kInvalidData, "tojson: a value of type {} is not JSON",
                  TypeName(value));
    }
    out_.AppendTrusted(*scalar);
    return {};
  }

 private:
  Result<void> WriteList(const List& list, int level) {
    out_.AppendTrusted("[");
    for (size_t i = 0; i < list.items.size(); ++i) {
      Separate(i, level + 1);
      FACET_RETURN_IF_ERROR(Write(list.items[i], level + 1));
    }
    if (!list.items.empty()) NewLine(level);
    out_.AppendTrusted("]");
    return {};
  }

  Result<void> WriteDict(const Dict& dict, int level) {
    std::vector<const Dict::Item*> items;
    for (const auto& item : dict.items()) items.push_back(&item);
    if (style_.sort_keys) FACET_RETURN_IF_ERROR(SortByKey(items));
    out_.AppendTrusted("{");
    for (size_t i = 0; i < items.size(); ++i) {
      Separate(i, level + 1);
      WriteKey(items[i]->first);
      out_.AppendTrusted(style_.key_separator);
      FACET_RETURN_IF_ERROR(Write(items[i]->second, level + 1));
    }
    if (!items.empty()) NewLine(level);
    out_.AppendTrusted("}");
    return {};
  }

  Result<void> SortByKey(std::vector<const Dict::Item*>& items) {
    for (const auto* item : items) {
      if (item->first.text() == nullptr) {
        return Fail(ErrorCode::kUnsupported, "tojson: sort_keys with keys that are not strings");
      }
    }
    FACET_RETURN_IF_ERROR(runtime_.Spend(static_cast<int64_t>(items.size())));
    std::ranges::sort(items, {}, [](const auto* item) { return item->first.text()->bytes(); });
    return {};
  }

  void WriteKey(const Value& key) {
    if (const Text* text = key.text()) {
      AppendJsonText(*text, style_, out_);
    } else {
      out_.AppendTrusted("\"" + JsonScalar(key).value_or("") + "\"");
    }
  }

  void Separate(size_t index, int level) {
    if (index > 0) out_.AppendTrusted(style_.item_separator);
    NewLine(level);
  }

  void NewLine(int level) {
    if (!style_.pretty) return;
    out_.AppendTrusted("\n");
    for (int i = 0; i < level; ++i) out_.AppendTrusted(style_.indent);
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder& out_;
};

}  // namespace

Result<void> AppendStr(Runtime& runtime, const Value& value, TextBuilder& out) {
  if (value.is_undefined()) return {};
  const Text* text = value.text();
  if (text == nullptr) return AppendRepr(runtime, value, out);
  out.Append(*text);
  return runtime.SpendBytes(text->bytes().size());
}

Result<void> AppendRepr(Runtime& runtime, const Value& value, TextBuilder& out) {
  FACET_RETURN_IF_ERROR(runtime.Spend(1));
  if (const Text* text = value.text()) {
    AppendReprText(*text, out);
    return runtime.SpendBytes(text->bytes().size());
  }
  if (const List* list = value.list()) return AppendListRepr(runtime, *list, out);
  if (const Dict* dict = value.dict()) return AppendDictRepr(runtime, *dict, out);
  if (value.is_undefined()) {
    out.AppendTrusted("Undefined");
    return {};
  }
  if (value.name_space() != nullptr || value.function() != nullptr) {
    return Fail(ErrorCode::kUnsupported, "printing a {} is not supported", TypeName(value));
  }
  out.AppendTrusted(ScalarRepr(value));
  return {};
}

Result<Value> ToText(Runtime& runtime, const Value& value) {
  if (value.text() != nullptr) return value;
  TextBuilder builder;
  FACET_RETURN_IF_ERROR(AppendStr(runtime, value, builder));
  return runtime.Make(std::move(builder));
}

Result<void> AppendJson(Runtime& runtime, const Value& value, const JsonStyle& style,
                        TextBuilder& out) {
  return JsonWriter(runtime, style, out).Write(value, 0);
}

}  // namespace facet::jinja
