// OpenAI-shaped JSON to a Conversation and back. It accepts what the canonical chat template
// accepts and fails where that raises; limits of a request (size, number of messages) are the
// caller's.
#pragma once

#include <functional>

#include "base/result.h"
#include "prompt/conversation.h"

namespace facet {

/// Makes the media of one content part ({"type":"image_url",…}) of the given kind of type name.
/// Text and unknown parts never get here.
using MediaReader = std::function<Result<Part>(const OrderedJson& part)>;

/// Media parts without media: enough to render, not to build a prompt.
Result<Part> ReadMediaKind(const OrderedJson& part);

/// Reads `messages` (a list) and `tools` (a list or null). The flags of the result have their
/// defaults. Part types: text; image, image_url; audio, input_audio; video; others are dropped, as
/// the template does. Arguments of tool calls must be objects or null: a server parses OpenAI's
/// argument strings first. kInvalidData for anything else, with the message's number; kResource for
/// JSON nested too deep.
Result<Conversation> ReadConversation(const OrderedJson& messages, const OrderedJson& tools,
                                      const MediaReader& read_media = ReadMediaKind);

}  // namespace facet
