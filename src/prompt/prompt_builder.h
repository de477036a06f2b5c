// From a conversation to the token ids that the model takes in, with its media in place.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "prompt/chat_template.h"
#include "prompt/conversation.h"
#include "prompt/prompt.h"
#include "text/tokenizer.h"

namespace facet {

/// Immutable after loading; safe to share between threads.
class PromptBuilder {
 public:
  PromptBuilder(Tokenizer tokenizer, ChatTemplate chat_template);

  /// With the tokenizer and the chat template of the checkpoint in `folder`.
  static Result<PromptBuilder> Load(const std::filesystem::path& folder);

  /// Renders, tokenizes and puts n placeholder tokens between begin and end markers for each image
  /// and sound (spec section 5). Control tokens come from the template alone. Takes the media out
  /// of `conversation`. kUsage for a conversation without messages and for media where the template
  /// shows none (a first system message, a tool message that answers no call); kInvalidData for
  /// text that is not UTF-8 or that the template cannot render; kUnsupported for media that the
  /// vocabulary has no tokens for.
  Result<Prompt> Build(Conversation conversation) const;

  /// Plain text to continue, without a template: <bos> and the text, in which nothing is a control
  /// token. kInvalidData for text that is not UTF-8.
  Result<Prompt> BuildText(std::string_view text) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const ChatTemplate& chat_template() const { return chat_template_; }

 private:
  Tokenizer tokenizer_;
  ChatTemplate chat_template_;
};

}  // namespace facet
