// A tool's JSON schema in the notation of the system turn:
// declaration:NAME{description:…,parameters:{…}}.
#pragma once

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/rendered_prompt.h"

namespace facet {

/// Writes one OpenAI function declaration ({"type":"function","function":{…}}), without the <|tool>
/// markers around it. The notation keeps a part of JSON Schema: description, type, enum, items,
/// nullable, properties and required; docs/prompt.md lists what is dropped and the places where the
/// canonical template leaves a brace open. kInvalidData where that template raises or would print a
/// schema's parts as characters (a "properties" that is a list); kResource for a schema nested too
/// deep.
Result<void> WriteToolDeclaration(const OrderedJson& tool, PromptWriter& out);

}  // namespace facet
