#include "prompt/conversation_json.h"

#include <string>
#include <string_view>
#include <utility>

#include "prompt/template_values.h"

namespace facet {
namespace {

/// Whose content it is; the template treats broken text parts differently in each.
enum class Place { kFirstSystem, kModel, kTool, kOther };

Place PlaceOf(std::string_view role, bool is_first) {
  if (is_first && (role == "system" || role == "developer")) return Place::kFirstSystem;
  if (role == "assistant" || role == "model") return Place::kModel;
  return role == "tool" ? Place::kTool : Place::kOther;
}

bool IsMedia(std::string_view type) {
  return type == "image" || type == "image_url" || type == "audio" || type == "input_audio" ||
         type == "video";
}

/// A string member: empty where it is missing or null, kInvalidData where it is of another type.
Result<std::string> OptionalString(const OrderedJson& object, std::string_view key) {
  const OrderedJson& value = MemberOrNull(object, key);
  if (value.is_null()) return std::string();
  if (value.is_string()) return value.get<std::string>();
  return Fail(ErrorCode::kInvalidData, "\"{}\" must be a string, not a {}", key, value.type_name());
}

Result<std::optional<std::string>> OptionalId(const OrderedJson& object, std::string_view key) {
  const OrderedJson& value = MemberOrNull(object, key);
  if (value.is_null()) return std::nullopt;
  FACET_TRY(std::string id, OptionalString(object, key));
  return id;
}

/// The text of a text part, by the canonical template's rules: a missing text is empty, a null
/// prints as Python's None; a model's or a tool's text must be a string.
Result<std::string> PartText(const OrderedJson& part, Place place) {
  const auto text = part.find("text");
  const bool found = text != part.end();
  if (found && text->is_string()) return text->get<std::string>();
  const bool may_be_missing = place != Place::kModel;
  const bool may_be_other = place == Place::kFirstSystem || place == Place::kOther;
  if (!found && may_be_missing) return std::string();
  if (found && may_be_other) return PythonStr(*text);
  return Fail(ErrorCode::kInvalidData, "a text part needs a \"text\" that is a string");
}

Result<Part> ReadPart(const OrderedJson& part, Place place, const MediaReader& read_media) {
  if (!part.is_object()) {
    return Fail(ErrorCode::kInvalidData, "a content part must be an object, not a {}",
                part.type_name());
  }
  const OrderedJson& type = MemberOrNull(part, "type");
  const std::string name = type.is_string() ? type.get<std::string>() : std::string();
  // The first system turn shows the text of every part, whatever its type, and no media.
  if (name == "text" || place == Place::kFirstSystem) {
    FACET_TRY(std::string text, PartText(part, place));
    return TextPart{std::move(text)};
  }
  if (IsMedia(name)) return read_media(part);
  return TextPart{};
}

Result<Content> ReadContent(const OrderedJson& content, Place place,
                            const MediaReader& read_media) {
  if (content.is_null()) return Content();
  if (content.is_string()) return content.get<std::string>();
  // An empty object counts as an empty list of parts.
  if (content.is_object() && !content.empty()) {
    return Fail(ErrorCode::kInvalidData, "\"content\" must be a string, a list of parts or null");
  }
  if (!content.is_structured()) return ValueContent(content);
  std::vector<Part> parts;
  parts.reserve(content.size());
  for (const OrderedJson& item : content) {
    FACET_TRY(Part part, ReadPart(item, place, read_media));
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<ToolCall> ReadToolCall(const OrderedJson& json) {
  const OrderedJson& function = MemberOrNull(json, "function");
  const OrderedJson& name = MemberOrNull(function, "name");
  if (!name.is_string()) {
    return Fail(ErrorCode::kInvalidData, "a tool call needs a function with a name");
  }
  const auto arguments = function.find("arguments");
  if (arguments == function.end()) {
    return Fail(ErrorCode::kInvalidData, "the call of \"{}\" has no \"arguments\"",
                name.get_ref<const std::string&>());
  }
  FACET_TRY(std::optional<std::string> id, OptionalId(json, "id"));
  return ToolCall{.id = std::move(id), .name = name.get<std::string>(), .arguments = *arguments};
}

Result<ToolResponse> ReadToolResponse(const OrderedJson& json) {
  const auto response = json.is_object() ? json.find("response") : json.end();
  if (response == json.end()) {
    return Fail(ErrorCode::kInvalidData, "an item of \"tool_responses\" needs a \"response\"");
  }
  FACET_TRY(std::string name, OptionalString(json, "name"));
  ToolResponse result{.response = *response};
  if (!name.empty()) result.name = std::move(name);
  return result;
}

/// Reads a list member through `read`; a missing, null or otherwise empty one gives nothing.
template <typename T>
Result<std::vector<T>> ReadList(const OrderedJson& object, std::string_view key,
                                Result<T> (*read)(const OrderedJson&)) {
  std::vector<T> items;
  const OrderedJson& list = MemberOrNull(object, key);
  if (!IsTruthy(list)) return items;
  if (!list.is_array()) return Fail(ErrorCode::kInvalidData, "\"{}\" must be a list", key);
  for (const OrderedJson& json : list) {
    FACET_TRY(T item, read(json));
    items.push_back(std::move(item));
  }
  return items;
}

Result<Message> ReadMessage(const OrderedJson& json, bool is_first, const MediaReader& read_media) {
  const OrderedJson& role = MemberOrNull(json, "role");
  if (!role.is_string()) return Fail(ErrorCode::kInvalidData, "\"role\" must be a string");
  Message message{.role = role.get<std::string>()};
  const Place place = PlaceOf(message.role, is_first);
  FACET_TRY(message.content, ReadContent(MemberOrNull(json, "content"), place, read_media));
  FACET_TRY(message.reasoning, OptionalString(json, "reasoning"));
  if (message.reasoning.empty()) {
    FACET_TRY(message.reasoning, OptionalString(json, "reasoning_content"));
  }
  FACET_TRY(message.tool_calls, ReadList(json, "tool_calls", ReadToolCall));
  FACET_TRY(message.tool_responses, ReadList(json, "tool_responses", ReadToolResponse));
  FACET_TRY(message.tool_call_id, OptionalId(json, "tool_call_id"));
  FACET_TRY(message.name, OptionalString(json, "name"));
  return message;
}

}  // namespace

Result<Part> ReadMediaKind(const OrderedJson& part) {
  const std::string& type = part["type"].get_ref<const std::string&>();
  if (type.starts_with("image")) return ImagePart{};
  if (type == "video") return VideoPart{};
  return AudioPart{};
}

Result<Conversation> ReadConversation(const OrderedJson& messages, const OrderedJson& tools,
                                      const MediaReader& read_media) {
  FACET_RETURN_IF_ERROR(CheckDepth(messages, "\"messages\""));
  FACET_RETURN_IF_ERROR(CheckDepth(tools, "\"tools\""));
  if (!messages.is_array()) return Fail(ErrorCode::kInvalidData, "\"messages\" must be a list");
  if (!tools.is_array() && !tools.is_null()) {
    return Fail(ErrorCode::kInvalidData, "\"tools\" must be a list");
  }
  Conversation conversation;
  conversation.tools.assign(tools.begin(), tools.end());
  for (size_t i = 0; i < messages.size(); ++i) {
    auto message = ReadMessage(messages[i], i == 0, read_media);
    if (!message) return Propagate(std::move(message), fmt::format("message {}", i + 1));
    conversation.messages.push_back(*std::move(message));
  }
  return conversation;
}

}  // namespace facet
