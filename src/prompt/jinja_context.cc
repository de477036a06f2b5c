#include "prompt/jinja_context.h"

#include <string_view>
#include <variant>
#include <vector>

#include "prompt/rendered_prompt.h"

namespace facet {
namespace {

std::string_view TypeName(PlaceholderKind kind) {
  switch (kind) {
    case PlaceholderKind::kImage:
      return "image";
    case PlaceholderKind::kAudio:
      return "audio";
    case PlaceholderKind::kVideo:
      return "video";
  }
  return {};
}

OrderedJson PartJson(const Part& part) {
  OrderedJson json = OrderedJson::object();
  if (const auto kind = KindOf(part)) {
    json["type"] = TypeName(*kind);
  } else {
    json["type"] = "text";
    json["text"] = std::get<TextPart>(part).text;
  }
  return json;
}

OrderedJson PartsJson(const std::vector<Part>& parts) {
  if (parts.size() == 1) {
    if (const auto* only = std::get_if<TextPart>(&parts.front())) return only->text;
  }
  OrderedJson list = OrderedJson::array();
  for (const Part& part : parts) list.push_back(PartJson(part));
  return list;
}

OrderedJson ContentJson(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return *text;
  if (const auto* parts = std::get_if<std::vector<Part>>(&content)) return PartsJson(*parts);
  if (const auto* value = std::get_if<ValueContent>(&content)) return value->value;
  return "";
}

OrderedJson ToolCallJson(const ToolCall& call) {
  OrderedJson json = OrderedJson::object();
  if (call.id) json["id"] = *call.id;
  json["type"] = "function";
  json["function"] = OrderedJson::object();
  json["function"]["name"] = call.name;
  json["function"]["arguments"] = call.arguments;
  return json;
}

OrderedJson ToolResponseJson(const ToolResponse& response) {
  OrderedJson json = OrderedJson::object();
  json["name"] = response.name;
  json["response"] = response.response;
  return json;
}

OrderedJson MessageJson(const Message& message) {
  OrderedJson json = OrderedJson::object();
  json["role"] = message.role;
  json["content"] = ContentJson(message.content);
  if (!message.reasoning.empty()) {
    json["reasoning"] = message.reasoning;
    json["reasoning_content"] = message.reasoning;
  }
  for (const ToolCall& call : message.tool_calls) json["tool_calls"].push_back(ToolCallJson(call));
  for (const ToolResponse& response : message.tool_responses) {
    json["tool_responses"].push_back(ToolResponseJson(response));
  }
  if (message.tool_call_id) json["tool_call_id"] = *message.tool_call_id;
  if (!message.name.empty()) json["name"] = message.name;
  return json;
}

}  // namespace

OrderedJson MakeJinjaContext(const Conversation& conversation, const TemplateTokens& tokens) {
  OrderedJson context = OrderedJson::object();
  context["messages"] = OrderedJson::array();
  for (const Message& message : conversation.messages) {
    context["messages"].push_back(MessageJson(message));
  }
  context["tools"] = nullptr;
  for (const OrderedJson& tool : conversation.tools) context["tools"].push_back(tool);
  context["bos_token"] = tokens.bos;
  context["eos_token"] = tokens.eos;
  context["add_generation_prompt"] =
      conversation.add_generation_prompt && !conversation.continue_last_message;
  context["enable_thinking"] = conversation.enable_thinking;
  context["preserve_thinking"] = conversation.preserve_thinking;
  return context;
}

}  // namespace facet
