#include "text/tokenizer_parts.h"

namespace facet {
namespace {

using nlohmann::json;

constexpr const char* kSpaceSymbol = "\xE2\x96\x81";  // U+2581, how the vocabulary spells a space

const json& Member(const json& object, const char* key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 120) text = text.substr(0, 117) + "...";
  return text;
}

tl::unexpected<Error> Unsupported(const char* part, const json& found, const char* expected) {
  return Fail(ErrorCode::kUnsupported, "{} is {}, only {} is supported", part, Shown(found),
              expected);
}

/// True for null, a missing key, and the values that mean the same.
bool IsOff(const json& value) {
  return value.is_null() || value == json(false) || value == json("") || value == json(0.0);
}

Result<void> CheckModel(const json& model) {
  if (!model.is_object()) return Fail(ErrorCode::kInvalidData, "model is not an object");
  // The two tables have been taken out of the document if they had the right shape.
  for (const char* table : {"vocab", "merges"}) {
    if (model.contains(table)) {
      return Fail(ErrorCode::kInvalidData, "model.{} is not {}", table,
                  std::string_view(table) == "vocab" ? "an object" : "a list");
    }
  }
  if (Member(model, "type") != "BPE")
    return Unsupported("model.type", Member(model, "type"), "BPE");
  if (Member(model, "byte_fallback") != true) {
    return Unsupported("model.byte_fallback", Member(model, "byte_fallback"), "true");
  }
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"}) {
    if (!IsOff(Member(model, key))) {
      return Unsupported(fmt::format("model.{}", key).c_str(), Member(model, key), "none");
    }
  }
  return {};
}

json Replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

Result<void> CheckNormalizer(const json& part) {
  if (part == Replace(" ", kSpaceSymbol)) return {};
  return Unsupported("normalizer", part, "the replacement of spaces by U+2581");
}

/// The split looks for spaces, of which the normalizer has left none.
Result<void> CheckPreTokenizer(const json& part) {
  if (part.is_null()) return {};
  const bool splits_at_spaces = Member(part, "type") == "Split" &&
                                Member(part, "pattern") == json{{"String", " "}} &&
                                IsOff(Member(part, "invert"));
  if (splits_at_spaces) return {};
  return Unsupported("pre_tokenizer", part, "a split at spaces");
}

Result<void> CheckDecoder(const json& part) {
  const json steps = json::array(
      {Replace(kSpaceSymbol, " "), json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}});
  const json expected = {{"type", "Sequence"}, {"decoders", steps}};
  if (part == expected) return {};
  return Unsupported("decoder", part, "U+2581 to space, byte fallback, fuse");
}

/// Gives the token in front of a text: the template is [token] text.
Result<std::string> ReadPostProcessor(const json& part) {
  if (part.is_null()) return std::string();
  const json& steps = Member(part, "single");
  const bool known = Member(part, "type") == "TemplateProcessing" && steps.is_array() &&
                     !steps.empty() && steps.size() <= 2 &&
                     Member(Member(steps.back(), "Sequence"), "id").is_string();
  if (known && steps.size() == 1) return std::string();
  const json& token = known ? Member(Member(steps.front(), "SpecialToken"), "id") : part;
  if (!known || !token.is_string()) {
    return Unsupported("post_processor", part, "a template with at most one token before the text");
  }
  return token.get<std::string>();
}

bool IsWhiteSpace(std::string_view piece) {
  while (!piece.empty()) {
    const size_t width = piece.starts_with(kSpaceSymbol) ? 3 : 1;
    if (width == 1 && std::string_view(" \t\n\r").find(piece[0]) == std::string_view::npos) {
      return false;
    }
    piece.remove_prefix(width);
  }
  return true;
}

Result<AddedToken> ReadAddedToken(const json& entry) {
  const json& content = Member(entry, "content");
  const json& id = Member(entry, "id");
  if (!content.is_string() || !id.is_number_integer()) {
    return Fail(ErrorCode::kInvalidData, "added_tokens: {} has no content or no id", Shown(entry));
  }
  AddedToken token{.piece = content.get<std::string>(), .id = id.get<int64_t>()};
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    if (!IsOff(Member(entry, flag))) {
      return Fail(ErrorCode::kUnsupported, "added token \"{}\": {} is not supported", token.piece,
                  flag);
    }
  }
  // A normalized token is looked for in text whose spaces are replaced: a difference only if it has
  // some.
  const bool has_space = token.piece.find(' ') != std::string::npos ||
                         token.piece.find(kSpaceSymbol) != std::string::npos;
  if (has_space && !IsOff(Member(entry, "normalized"))) {
    return Fail(ErrorCode::kUnsupported, "added token \"{}\": normalized is not supported",
                token.piece);
  }
  token.special = !IsWhiteSpace(token.piece);
  return token;
}

}  // namespace

Result<TokenizerParts> ReadTokenizerParts(const json& document) {
  if (!document.is_object()) return Fail(ErrorCode::kInvalidData, "not a JSON object");
  FACET_RETURN_IF_ERROR(CheckModel(Member(document, "model")));
  FACET_RETURN_IF_ERROR(CheckNormalizer(Member(document, "normalizer")));
  FACET_RETURN_IF_ERROR(CheckPreTokenizer(Member(document, "pre_tokenizer")));
  FACET_RETURN_IF_ERROR(CheckDecoder(Member(document, "decoder")));
  TokenizerParts parts;
  FACET_TRY(parts.prefix_token, ReadPostProcessor(Member(document, "post_processor")));
  const json& added = Member(document, "added_tokens");
  if (!added.is_null() && !added.is_array()) {
    return Fail(ErrorCode::kInvalidData, "added_tokens is not a list");
  }
  for (const json& entry : added) {
    FACET_TRY(AddedToken token, ReadAddedToken(entry));
    parts.added.push_back(std::move(token));
  }
  return parts;
}

}  // namespace facet
