#include "prompt/jinja_renderer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/unicode.h"

namespace facet {
namespace {

/// Put behind the text of a message that is to be continued, to find where it ends in the prompt;
/// the space tells whether the template trims. The last occurrence counts, and only in text of the
/// conversation, so it does not matter who else writes it.
constexpr std::string_view kContinuationMark = "facet-continues-here ";

Result<void> MarkContinuation(OrderedJson& message) {
  OrderedJson& content = message["content"];
  if (content.is_array()) {
    if (content.empty() || content.back()["type"] != "text") {
      content.push_back({{"type", "text"}, {"text", ""}});
    }
    content.back()["text"].get_ref<std::string&>() += kContinuationMark;
    return {};
  }
  if (!content.is_string()) {
    return Fail(ErrorCode::kUsage, "a message without text cannot be continued");
  }
  content.get_ref<std::string&>() += kContinuationMark;
  return {};
}

/// Cuts the prompt where the marked text ends. A template that trims text would have trimmed what
/// stands before the mark as well.
Result<void> CutAtMark(JinjaOutput& output) {
  constexpr std::string_view kWord = kContinuationMark.substr(0, kContinuationMark.size() - 1);
  const std::string_view text = output.text;
  while (!output.untrusted.empty()) {
    ByteRange& range = output.untrusted.back();
    const std::string_view shown = text.substr(range.begin, range.end - range.begin);
    const size_t found = shown.rfind(kWord);
    if (found == std::string_view::npos) {
      output.untrusted.pop_back();
      continue;
    }
    std::string_view kept = shown.substr(0, found);
    if (!shown.substr(found).starts_with(kContinuationMark)) {
      const std::string_view stripped = Strip(kept);
      kept = kept.substr(0, stripped.empty() ? 0
                                             : static_cast<size_t>(stripped.data() - kept.data()) +
                                                   stripped.size());
    }
    range.end = range.begin + kept.size();
    const size_t end = range.end;
    if (kept.empty()) output.untrusted.pop_back();
    output.text.resize(end);
    return {};
  }
  return Fail(ErrorCode::kInvalidData,
              "the template does not show the last message, so it cannot be continued");
}

std::vector<MediaPlaceholder> MediaOf(const Conversation& conversation) {
  std::vector<MediaPlaceholder> media;
  for (size_t i = 0; i < conversation.messages.size(); ++i) {
    const auto* parts = std::get_if<std::vector<Part>>(&conversation.messages[i].content);
    for (size_t p = 0; parts != nullptr && p < parts->size(); ++p) {
      if (const auto kind = KindOf((*parts)[p])) {
        media.push_back({.kind = *kind, .where = {}, .message = i, .part = p});
      }
    }
  }
  return media;
}

/// The first placeholder in text[begin, end).
std::optional<MediaPlaceholder> NextPlaceholder(std::string_view text, size_t begin, size_t end) {
  constexpr std::array kKinds = {PlaceholderKind::kImage, PlaceholderKind::kAudio,
                                 PlaceholderKind::kVideo};
  for (size_t at = text.find("<|", begin); at < end; at = text.find("<|", at + 1)) {
    for (const PlaceholderKind kind : kKinds) {
      const std::string_view name = PlaceholderText(kind);
      if (text.substr(at, end - at).starts_with(name)) {
        return MediaPlaceholder{.kind = kind, .where = {at, at + name.size()}};
      }
    }
  }
  return std::nullopt;
}

/// The placeholders outside untrusted bytes, in order.
std::vector<MediaPlaceholder> FindPlaceholders(const JinjaOutput& output) {
  std::vector<MediaPlaceholder> found;
  const auto search = [&](size_t begin, size_t end) {
    while (const auto placeholder = NextPlaceholder(output.text, begin, end)) {
      found.push_back(*placeholder);
      begin = placeholder->where.end;
    }
  };
  size_t begin = 0;
  for (const ByteRange& range : output.untrusted) {
    search(begin, range.begin);
    begin = range.end;
  }
  search(begin, output.text.size());
  return found;
}

std::string Describe(const std::vector<MediaPlaceholder>& media) {
  constexpr size_t kShown = 8;  // enough for a person to see the difference
  std::string text;
  for (size_t i = 0; i < std::min(media.size(), kShown); ++i) {
    text += text.empty() ? "" : " ";
    text += PlaceholderText(media[i].kind);
  }
  if (media.size() > kShown) text += fmt::format(" and {} more", media.size() - kShown);
  return text.empty() ? "none" : text;
}

Result<std::vector<MediaPlaceholder>> PlaceMedia(const Conversation& conversation,
                                                 const JinjaOutput& output) {
  std::vector<MediaPlaceholder> media = MediaOf(conversation);
  const std::vector<MediaPlaceholder> found = FindPlaceholders(output);
  if (!std::ranges::equal(media, found, {}, &MediaPlaceholder::kind, &MediaPlaceholder::kind)) {
    return Fail(ErrorCode::kInvalidData,
                "it wrote these places for media: {}; the conversation has: {}", Describe(found),
                Describe(media));
  }
  for (size_t i = 0; i < media.size(); ++i) media[i].where = found[i].where;
  return media;
}

Result<RenderedPrompt> RenderChecked(const JinjaTemplate& chat_template,
                                     const TemplateTokens& tokens,
                                     const Conversation& conversation) {
  OrderedJson context = MakeJinjaContext(conversation, tokens);
  if (conversation.continue_last_message) {
    FACET_RETURN_IF_ERROR(MarkContinuation(context["messages"].back()));
  }
  FACET_TRY(JinjaOutput output, chat_template.Render(context));
  if (conversation.continue_last_message) FACET_RETURN_IF_ERROR(CutAtMark(output));
  FACET_TRY(std::vector<MediaPlaceholder> media, PlaceMedia(conversation, output));
  return RenderedPrompt{.text = std::move(output.text),
                        .untrusted = std::move(output.untrusted),
                        .media = std::move(media)};
}

}  // namespace

Result<RenderedPrompt> RenderJinja(const JinjaTemplate& chat_template, const TemplateTokens& tokens,
                                   const Conversation& conversation) {
  FACET_RETURN_IF_ERROR(CheckContinuation(conversation));
  auto prompt = RenderChecked(chat_template, tokens, conversation);
  if (!prompt) return Propagate(std::move(prompt), "chat template");
  return *std::move(prompt);
}

}  // namespace facet
