#include "prompt/chat_template.h"

#include "base/file.h"
#include "base/sha256.h"
#include "prompt/native_template.h"

namespace facet {
namespace {

// chat_template.jinja of google/gemma-4-12B-it, 26B-A4B-it and 31B-it, revision of 2026-07-09.
constexpr std::string_view kCanonicalSha256 =
    "ae53464bf3be25802b3a5b37def7fd89667067d7577049b3b2d74c4d8de4c6d4";

// The canonical file has 18,683 bytes.
constexpr size_t kMaxTemplateBytes = 1 << 20;

}  // namespace

Result<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& folder) {
  ChatTemplate chosen;
  const auto file = ReadFile(folder / "chat_template.jinja", kMaxTemplateBytes);
  if (!file && file.error().code == ErrorCode::kNotFound) return chosen;
  if (!file) return tl::unexpected<Error>(file.error());
  if (Sha256Hex(*file) != kCanonicalSha256) {
    chosen.warning_ =
        "chat_template.jinja is not the canonical one of 2026-07-09; prompts are rendered by the "
        "canonical template all the same";
  }
  return chosen;
}

Result<RenderedPrompt> ChatTemplate::Render(const Conversation& conversation) const {
  return RenderNative(conversation);
}

}  // namespace facet
