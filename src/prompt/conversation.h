// A conversation as callers state it: roles, parts, tools. Independent of any wire format.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

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
using Part = std::variant<TextPart, ImagePart, AudioPart>;

struct ToolCall {
  std::string id;  ///< may be empty
  std::string name;
  OrderedJson arguments;  ///< an object, or null for none
};

/// One message. `content` empty means null content.
struct Message {
  std::string role;  ///< "system", "developer", "user", "assistant" or "tool"
  std::vector<Part> content;
  std::string reasoning;             ///< the assistant's earlier thinking
  std::vector<ToolCall> tool_calls;  ///< assistant only
  std::string tool_call_id;          ///< tool only
  std::string name;                  ///< tool only: name of the tool that answered
};

struct Conversation {
  std::vector<Message> messages;
  std::vector<OrderedJson>
      tools;  ///< OpenAI function declarations: {"type":"function","function":{…}}
  bool enable_thinking = false;
  bool preserve_thinking = false;
  /// Continue the last assistant message instead of opening a new turn.
  bool continue_last_message = false;
};

}  // namespace facet
