// RenderedPrompt: the text of a prompt, and which bytes of it came from users.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prompt/conversation.h"
#include "text/tokenizer.h"

namespace facet {

enum class PlaceholderKind { kImage, kAudio, kVideo };

/// The placeholder that stands for `kind` in a rendered prompt: "<|image|>", "<|audio|>",
/// "<|video|>".
std::string_view PlaceholderText(PlaceholderKind kind);

/// What stands for `part` in a prompt; nothing for text.
std::optional<PlaceholderKind> KindOf(const Part& part);

/// A placeholder that the template wrote for real media.
struct MediaPlaceholder {
  PlaceholderKind kind = PlaceholderKind::kImage;
  ByteRange where;     ///< its bytes in the text
  size_t message = 0;  ///< index into Conversation::messages
  size_t part = 0;     ///< index into that message's parts
};

struct RenderedPrompt {
  std::string text;
  std::vector<ByteRange> untrusted;     ///< bytes from users: sorted, disjoint, not empty
  std::vector<MediaPlaceholder> media;  ///< in order of place; never inside `untrusted`
};

/// Appends to a RenderedPrompt and keeps its ranges in order.
class PromptWriter {
 public:
  /// What the template itself writes; control tokens in it count.
  void Trusted(std::string_view text) { prompt_.text += text; }
  /// What came from outside; it stays plain text whatever it looks like.
  void Untrusted(std::string_view text);
  void Placeholder(PlaceholderKind kind, size_t message, size_t part);

  const RenderedPrompt& prompt() const { return prompt_; }
  RenderedPrompt Take() && { return std::move(prompt_); }

 private:
  RenderedPrompt prompt_;
};

}  // namespace facet
