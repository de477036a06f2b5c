// A conversation as callers state it: roles, parts, tools. Independent of any wire format;
// conversation_json.h reads one from OpenAI-shaped JSON. Everything in it is untrusted text.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "media/audio_processor.h"
#include "media/image_processor.h"

namespace facet {

/// JSON with the key order kept: tool schemas and arguments render in an order that depends on it.
using OrderedJson = nlohmann::ordered_json;

struct TextPart {
  std::string text;
};
struct ImagePart {
  ImagePatches patches;
};
struct AudioPart {
  AudioFrames frames;
};
/// Renders its placeholder; no prompt can be built from it.
struct VideoPart {};
using Part = std::variant<TextPart, ImagePart, AudioPart, VideoPart>;

/// Content that is neither text nor parts. As a tool's result it renders as the value it is (20,
/// false); elsewhere as nothing. Null is std::monostate.
struct ValueContent {
  OrderedJson value;
  explicit ValueContent(OrderedJson v) : value(std::move(v)) {}
};

/// A string and a list with one text part differ only in a first system message (the list gets a
/// space behind each part); std::monostate is null.
using Content = std::variant<std::monostate, std::string, std::vector<Part>, ValueContent>;

struct ToolCall {
  std::optional<std::string> id = {};
  std::string name;
  OrderedJson arguments = nullptr;  ///< an object, or null for none; anything else fails to render
};

/// A tool's result inside the assistant's message, as an alternative to messages of role "tool".
struct ToolResponse {
  std::string name = "unknown";
  OrderedJson response = nullptr;
};

struct Message {
  std::string
      role;  ///< "system", "developer", "user", "assistant" or "tool"; others render as they are
  Content content = {};
  std::string reasoning = {};                     ///< the assistant's earlier thinking
  std::vector<ToolCall> tool_calls = {};          ///< assistant only
  std::vector<ToolResponse> tool_responses = {};  ///< assistant only
  std::optional<std::string> tool_call_id = {};   ///< tool only: the call that it answers
  std::string name = {};  ///< tool only: the tool's name, used where no call has the id
};

struct Conversation {
  std::vector<Message> messages;
  std::vector<OrderedJson> tools =
      {};  ///< OpenAI function declarations: {"type":"function","function":{…}}
  bool enable_thinking = false;
  bool preserve_thinking = false;  ///< keeps the reasoning of earlier turns that called tools
  /// Ends the prompt so that the model speaks next.
  bool add_generation_prompt = true;
  /// Ends the prompt inside the last message, an assistant's, so that the model goes on with it;
  /// add_generation_prompt is then without effect.
  bool continue_last_message = false;
};

/// kUsage if the last message is to be continued and cannot be: it is not an assistant's, or it
/// calls tools.
Result<void> CheckContinuation(const Conversation& conversation);

}  // namespace facet
