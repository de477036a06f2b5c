// A tool call as the model writes it, call:NAME{key:value,…}, to a ToolCall.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "prompt/conversation.h"

namespace facet {

/// Stands for one string-quote token (<|"|>) in the text of a call. The byte never occurs in UTF-8,
/// so text that merely looks like the quote stays text.
inline constexpr char kQuoteByte = '\xFF';

/// Parses the text between <|tool_call> and <tool_call|>. Keys are bare up to the first colon.
/// Values: strings between quote tokens, taken as they are; objects, arrays, JSON numbers, true,
/// false, null; also JSON strings in plain quotes, and bare words, which count as strings. White
/// space around keys and values is skipped. kInvalidData for anything else, also for an object with
/// the same key twice; kResource for arguments nested more than kMaxJsonDepth deep.
Result<ToolCall> ParseToolCall(std::string_view text);

/// The text with its quotes spelled out, as a person would read it.
std::string SpellQuotes(std::string_view text);

}  // namespace facet
