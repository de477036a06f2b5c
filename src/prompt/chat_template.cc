#include "prompt/chat_template.h"

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/sha256.h"
#include "prompt/jinja_renderer.h"
#include "prompt/native_template.h"
#include "prompt/template_values.h"

namespace facet {
namespace {

// chat_template.jinja of google/gemma-4-12B-it, 26B-A4B-it and 31B-it, revision of 2026-07-09.
constexpr std::string_view kCanonicalSha256 =
    "ae53464bf3be25802b3a5b37def7fd89667067d7577049b3b2d74c4d8de4c6d4";

// The canonical file has 18,683 bytes.
constexpr size_t kMaxTemplateBytes = 1 << 20;

// Some checkpoints list all their added tokens here, in a few MB.
constexpr size_t kMaxConfigBytes = 64 << 20;

/// The file's text, or nothing if there is no such file.
Result<std::optional<std::string>> ReadIfThere(const std::filesystem::path& path, size_t limit) {
  auto text = ReadFile(path, limit);
  if (text) return *std::move(text);
  if (text.error().code == ErrorCode::kNotFound) return std::nullopt;
  return tl::unexpected<Error>(std::move(text).error());
}

/// tokenizer_config.json, or null if there is none.
Result<OrderedJson> ReadTokenizerConfig(const std::filesystem::path& path) {
  FACET_TRY(const std::optional<std::string> text, ReadIfThere(path, kMaxConfigBytes));
  if (!text) return OrderedJson();
  OrderedJson config = OrderedJson::parse(*text, nullptr, false);
  if (config.is_discarded() || !config.is_object()) {
    return Fail(ErrorCode::kInvalidData, "{}: not a JSON object", path.string());
  }
  return config;
}

/// A token stands as a string, or as an added token with its `content`.
std::string TokenText(const OrderedJson& config, std::string_view key,
                      const std::string& fallback) {
  const OrderedJson& token = MemberOrNull(config, key);
  const OrderedJson& text = token.is_object() ? MemberOrNull(token, "content") : token;
  return text.is_string() ? text.get<std::string>() : fallback;
}

/// The template inside a tokenizer_config.json, if there is one.
Result<std::optional<std::string>> TemplateOf(const OrderedJson& config) {
  const OrderedJson& text = MemberOrNull(config, "chat_template");
  if (text.is_null()) return std::nullopt;
  if (text.is_string()) return text.get<std::string>();
  return Fail(ErrorCode::kUnsupported, "chat_template is a {}; only a string is supported",
              text.type_name());
}

}  // namespace

Result<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& folder) {
  std::filesystem::path path = folder / "chat_template.jinja";
  FACET_TRY(std::optional<std::string> source, ReadIfThere(path, kMaxTemplateBytes));
  const std::filesystem::path config_path = folder / "tokenizer_config.json";
  FACET_TRY(const OrderedJson config, ReadTokenizerConfig(config_path));
  if (!source) {
    path = config_path;
    auto inside = TemplateOf(config);
    if (!inside) return Propagate(std::move(inside), path.string());
    source = *std::move(inside);
  }
  ChatTemplate chosen;
  if (!source || Sha256Hex(*source) == kCanonicalSha256) return chosen;
  auto parsed = JinjaTemplate::Parse(*source);
  if (!parsed) return Propagate(std::move(parsed), path.string());
  chosen.jinja_ = *std::move(parsed);
  chosen.tokens_ = {.bos = TokenText(config, "bos_token", chosen.tokens_.bos),
                    .eos = TokenText(config, "eos_token", chosen.tokens_.eos)};
  return chosen;
}

Result<RenderedPrompt> ChatTemplate::Render(const Conversation& conversation) const {
  return jinja_ ? RenderJinja(*jinja_, tokens_, conversation) : RenderNative(conversation);
}

}  // namespace facet
