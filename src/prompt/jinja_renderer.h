// Renders a conversation through a checkpoint's own template.
#pragma once

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/jinja_context.h"
#include "prompt/rendered_prompt.h"
#include "text/jinja/jinja_template.h"

namespace facet {

/// The prompt with its untrusted bytes and its media: the placeholders that the template itself
/// wrote, matched in order with the conversation's media.
///
/// kInvalidData where the template raises, where its placeholders are not the conversation's media
/// in number and kind, and where it does not show a message that is to be continued; kUsage for a
/// message that cannot be continued; else see JinjaTemplate::Render().
Result<RenderedPrompt> RenderJinja(const JinjaTemplate& chat_template, const TemplateTokens& tokens,
                                   const Conversation& conversation);

}  // namespace facet
