// A conversation as the variables of a chat template: the names and shapes that the model library
// gives to templates.
#pragma once

#include <string>

#include "prompt/conversation.h"

namespace facet {

/// The tokenizer's own strings that templates print.
struct TemplateTokens {
  std::string bos = "<bos>";
  std::string eos = "<eos>";
};

/// An object with `messages`, `tools` (null if there are none), `bos_token`, `eos_token`,
/// `add_generation_prompt`, `enable_thinking`, `preserve_thinking`.
///
/// A message has `role` and `content`, and where it has them `reasoning` (also as
/// `reasoning_content`), `tool_calls`, `tool_responses`, `tool_call_id` and `name`. Content is a
/// string, also for null (templates would iterate over it or print "None") and for a single text
/// part; or a list of {"type":"text","text":…}, {"type":"image"}, {"type":"audio"},
/// {"type":"video"}; or the plain value that it is.
OrderedJson MakeJinjaContext(const Conversation& conversation, const TemplateTokens& tokens);

}  // namespace facet
