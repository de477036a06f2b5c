#include "prompt/prompt_builder.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/utf8.h"

namespace facet {
namespace {

/// The three tokens around and for one kind of media.
struct MediaTokens {
  int32_t begin = 0;
  int32_t placeholder = 0;
  int32_t end = 0;
};

Result<MediaTokens> FindMediaTokens(const Tokenizer& tokenizer, PlaceholderKind kind) {
  if (kind == PlaceholderKind::kVideo)
    return Fail(ErrorCode::kUnsupported, "video is not supported");
  const std::string name = kind == PlaceholderKind::kImage ? "image" : "audio";
  const auto find = [&tokenizer](const std::string& piece) -> Result<int32_t> {
    const auto id = tokenizer.Find(piece);
    if (id && tokenizer.IsSpecial(*id)) return *id;
    return Fail(ErrorCode::kUnsupported,
                "the checkpoint takes no such input: its vocabulary has no control token {}",
                piece);
  };
  MediaTokens tokens;
  FACET_TRY(tokens.begin, find("<|" + name + ">"));
  FACET_TRY(tokens.placeholder, find("<|" + name + "|>"));
  FACET_TRY(tokens.end, find("<" + name + "|>"));
  return tokens;
}

/// Media in a message that the template did not show would be ignored without a word; so it is
/// refused.
Result<void> CheckAllShown(const Conversation& conversation, size_t shown) {
  size_t given = 0;
  for (const Message& message : conversation.messages) {
    if (const auto* parts = std::get_if<std::vector<Part>>(&message.content)) {
      for (const Part& part : *parts) given += std::holds_alternative<TextPart>(part) ? 0 : 1;
    }
  }
  if (given == shown) return {};
  return Fail(
      ErrorCode::kUsage,
      "{} of {} images or sounds stand where the model cannot see them: in the first system "
      "message, or in a tool message that answers no call",
      given - shown, given);
}

/// Takes the media that `placeholder` stands for, and its number of tokens.
Result<MediaSpan> TakeMedia(Part& part) {
  MediaSpan span;
  if (auto* image = std::get_if<ImagePart>(&part)) {
    span.count = image->patches.tokens;
    span.media = std::move(image->patches);
  } else if (auto* audio = std::get_if<AudioPart>(&part)) {
    span.count = audio->frames.tokens;
    span.media = std::move(audio->frames);
  }
  if (span.count <= 0) return Fail(ErrorCode::kInvalidData, "an image or a sound is empty");
  return span;
}

class MediaPlacer {
 public:
  MediaPlacer(const Tokenizer& tokenizer, Conversation& conversation)
      : tokenizer_(tokenizer), conversation_(conversation) {}

  /// Replaces each placeholder's token in `ids` by the media's tokens. Placeholders are the only
  /// places where these tokens can come from: users' text never becomes a control token.
  Result<Prompt> Place(const std::vector<MediaPlaceholder>& placeholders,
                       const std::vector<int32_t>& ids) {
    auto at = ids.begin();
    for (const MediaPlaceholder& placeholder : placeholders) {
      FACET_TRY(const MediaTokens tokens, FindMediaTokens(tokenizer_, placeholder.kind));
      const auto found = std::find(at, ids.end(), tokens.placeholder);
      if (found == ids.end()) {
        return Fail(ErrorCode::kInvalidData, "the tokenizer does not keep {} as one token",
                    PlaceholderText(placeholder.kind));
      }
      prompt_.tokens.insert(prompt_.tokens.end(), at, found);
      at = found + 1;
      FACET_RETURN_IF_ERROR(Expand(tokens, placeholder));
    }
    prompt_.tokens.insert(prompt_.tokens.end(), at, ids.end());
    return std::move(prompt_);
  }

 private:
  Result<void> Expand(const MediaTokens& tokens, const MediaPlaceholder& placeholder) {
    auto& parts = std::get<std::vector<Part>>(conversation_.messages[placeholder.message].content);
    FACET_TRY(MediaSpan span, TakeMedia(parts[placeholder.part]));
    prompt_.tokens.push_back(tokens.begin);
    span.first_token = static_cast<int64_t>(prompt_.tokens.size());
    prompt_.tokens.insert(prompt_.tokens.end(), static_cast<size_t>(span.count),
                          tokens.placeholder);
    prompt_.tokens.push_back(tokens.end);
    prompt_.media.push_back(std::move(span));
    return {};
  }

  const Tokenizer& tokenizer_;
  Conversation& conversation_;
  Prompt prompt_;
};

}  // namespace

PromptBuilder::PromptBuilder(Tokenizer tokenizer, ChatTemplate chat_template)
    : tokenizer_(std::move(tokenizer)), chat_template_(std::move(chat_template)) {}

Result<PromptBuilder> PromptBuilder::Load(const std::filesystem::path& folder) {
  FACET_TRY(Tokenizer tokenizer, Tokenizer::Load(folder));
  FACET_TRY(ChatTemplate chat_template, ChatTemplate::Load(folder));
  return PromptBuilder(std::move(tokenizer), std::move(chat_template));
}

Result<Prompt> PromptBuilder::Build(Conversation conversation) const {
  if (conversation.messages.empty()) {
    return Fail(ErrorCode::kUsage, "the conversation has no messages");
  }
  FACET_TRY(const RenderedPrompt rendered, chat_template_.Render(conversation));
  if (!IsValidUtf8(rendered.text)) {
    return Fail(ErrorCode::kInvalidData, "the conversation holds text that is not UTF-8");
  }
  FACET_RETURN_IF_ERROR(CheckAllShown(conversation, rendered.media.size()));
  const std::vector<int32_t> ids = tokenizer_.Encode(rendered.text, rendered.untrusted);
  return MediaPlacer(tokenizer_, conversation).Place(rendered.media, ids);
}

Result<Prompt> PromptBuilder::BuildText(std::string_view text) const {
  if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidData, "the text is not UTF-8");
  constexpr std::string_view kBos = "<bos>";
  const std::string prompt = std::string(kBos) + std::string(text);
  const ByteRange untrusted{kBos.size(), prompt.size()};
  return Prompt{.tokens = tokenizer_.Encode(prompt, std::span(&untrusted, 1)), .media = {}};
}

}  // namespace facet
