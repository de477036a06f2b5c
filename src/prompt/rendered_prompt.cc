#include "prompt/rendered_prompt.h"

namespace facet {

std::string_view PlaceholderText(PlaceholderKind kind) {
  switch (kind) {
    case PlaceholderKind::kImage:
      return "<|image|>";
    case PlaceholderKind::kAudio:
      return "<|audio|>";
    case PlaceholderKind::kVideo:
      return "<|video|>";
  }
  return {};
}

std::optional<PlaceholderKind> KindOf(const Part& part) {
  if (std::holds_alternative<ImagePart>(part)) return PlaceholderKind::kImage;
  if (std::holds_alternative<AudioPart>(part)) return PlaceholderKind::kAudio;
  if (std::holds_alternative<VideoPart>(part)) return PlaceholderKind::kVideo;
  return std::nullopt;
}

void PromptWriter::Untrusted(std::string_view text) {
  if (text.empty()) return;
  const size_t begin = prompt_.text.size();
  prompt_.text += text;
  if (!prompt_.untrusted.empty() && prompt_.untrusted.back().end == begin) {
    prompt_.untrusted.back().end = prompt_.text.size();
  } else {
    prompt_.untrusted.push_back({begin, prompt_.text.size()});
  }
}

void PromptWriter::Placeholder(PlaceholderKind kind, size_t message, size_t part) {
  const size_t begin = prompt_.text.size();
  prompt_.text += PlaceholderText(kind);
  prompt_.media.push_back(
      {.kind = kind, .where = {begin, prompt_.text.size()}, .message = message, .part = part});
}

}  // namespace facet
