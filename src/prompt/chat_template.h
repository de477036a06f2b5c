// The chat template of a checkpoint: which one it has, and rendering through it.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/jinja_context.h"
#include "prompt/rendered_prompt.h"
#include "text/jinja/jinja_template.h"

namespace facet {

/// Immutable after loading; safe to share between threads. Movable, not copyable.
class ChatTemplate {
 public:
  /// The native renderer of the canonical template.
  ChatTemplate() = default;

  /// The template of the checkpoint in `folder`: its chat_template.jinja, or else the text
  /// `chat_template` of its tokenizer_config.json. The native renderer stands for the canonical
  /// template, and for none. kIo or kResource if a file cannot be read, kInvalidData or
  /// kUnsupported (with the file's name) for what cannot be parsed.
  static Result<ChatTemplate> Load(const std::filesystem::path& folder);

  /// See RenderNative() and RenderJinja().
  Result<RenderedPrompt> Render(const Conversation& conversation) const;

 private:
  std::optional<JinjaTemplate> jinja_;  // none: the native renderer
  TemplateTokens tokens_;
};

}  // namespace facet
