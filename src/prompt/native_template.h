// The canonical chat template of Gemma 4 12B (revision of 2026-07-09), as C++: a Conversation to
// the exact prompt text.
#pragma once

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/rendered_prompt.h"

namespace facet {

/// Renders `conversation`. An empty message list is fine here.
/// kInvalidData where the canonical template raises (arguments that are not an object, a tool
/// without a name); kUsage for continue_last_message when the last message is not the assistant's
/// or calls tools; kResource for JSON nested too deep.
Result<RenderedPrompt> RenderNative(const Conversation& conversation);

}  // namespace facet
