// JSON values as the chat template prints them: its own notation for arguments, and Python's for
// the rest, because the template was written for a Python engine and the model was trained on what
// that prints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "prompt/conversation.h"
#include "prompt/rendered_prompt.h"

namespace facet {

/// The template's string quote, a token of its own.
inline constexpr std::string_view kStringQuote = "<|\"|>";

/// The deepest JSON that a conversation may hold. Real schemas stay below ten levels; the functions
/// here recurse over values, so their callers check this first.
inline constexpr int kMaxJsonDepth = 64;

/// kResource for a value nested deeper than kMaxJsonDepth; its message begins with `what`.
Result<void> CheckDepth(const OrderedJson& value, std::string_view what);

/// Whether Python takes a value for true: not null, false, zero or empty.
bool IsTruthy(const OrderedJson& value);

/// The member `key` of an object, or null if there is none or `value` is no object.
const OrderedJson& MemberOrNull(const OrderedJson& value, std::string_view key);

/// A value as Python's str(): strings as they are, None, True, "['a', 'b']", "{'k': 1}". Integers
/// beyond 64 bits were read as doubles and print as such. Inside lists and objects, strings are
/// quoted as repr() does, except that characters above U+00AD are never escaped.
std::string PythonStr(const OrderedJson& value);

/// The members of an object in the template's order: by key without regard to case, stable.
std::vector<OrderedJson::object_t::const_pointer> SortedMembers(const OrderedJson& object);

/// Whether the keys of nested objects stand between string quotes.
enum class KeyStyle { kBare, kQuoted };

/// Writes a value in the notation of tool calls: <|"|>text<|"|>, true, null, 1.5, {k:v}, [a,b].
void WriteValue(const OrderedJson& value, KeyStyle keys, PromptWriter& out);

/// Writes an object's members as k:v,k:v with bare keys, without the braces around them.
void WriteMembers(const OrderedJson& object, PromptWriter& out);

/// Writes `text` between string quotes.
void WriteQuoted(std::string_view text, PromptWriter& out);

}  // namespace facet
