// The chat template of a checkpoint: which one it has, and rendering through it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/rendered_prompt.h"

namespace facet {

/// Immutable after loading; safe to share between threads.
class ChatTemplate {
 public:
  /// The native renderer of the canonical template.
  ChatTemplate() = default;

  /// The template of the checkpoint in `folder`: the native renderer if there is no
  /// chat_template.jinja or if it is the canonical one. kIo or kResource if the file cannot be
  /// read.
  static Result<ChatTemplate> Load(const std::filesystem::path& folder);

  /// See RenderNative().
  Result<RenderedPrompt> Render(const Conversation& conversation) const;

  /// What a person should know about the choice of template.
  const std::optional<std::string>& warning() const { return warning_; }

 private:
  std::optional<std::string> warning_;
};

}  // namespace facet
