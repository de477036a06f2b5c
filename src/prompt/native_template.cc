#include "prompt/native_template.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prompt/template_values.h"
#include "prompt/tool_declaration.h"
#include "text/unicode.h"

namespace facet {
namespace {

constexpr std::string_view kThoughtOpen = "<|channel>thought\n";

/// What the last turn ended in; it decides how generation starts.
enum class TurnEnd { kText, kOpenCall, kToolResult };

bool IsSystem(const Message& message) {
  return message.role == "system" || message.role == "developer";
}

std::string_view ShownRole(const Message& message) {
  return message.role == "assistant" ? std::string_view("model") : message.role;
}

/// Text of a model's turn without the thinking that stands in it: from each <|channel> through the
/// next <channel|>, or to the end; a lone <channel|> goes by itself.
std::string WithoutThinking(std::string_view text) {
  constexpr std::string_view kOpen = "<|channel>";
  constexpr std::string_view kClose = "<channel|>";
  std::string kept;
  while (true) {
    const size_t close = text.find(kClose);
    const std::string_view piece = text.substr(0, close);
    kept += piece.substr(0, piece.find(kOpen));
    if (close == std::string_view::npos) return kept;
    text.remove_prefix(close + kClose.size());
  }
}

std::string_view TextOf(const Part& part) {
  const auto* text = std::get_if<TextPart>(&part);
  return text == nullptr ? std::string_view() : text->text;
}

class Renderer {
 public:
  explicit Renderer(const Conversation& conversation)
      : conversation_(conversation), messages_(conversation.messages) {}

  Result<RenderedPrompt> Render() && {
    FACET_RETURN_IF_ERROR(CheckContinuation(conversation_));
    out_.Trusted("<bos>");
    FACET_TRY(const size_t first, WriteSystemTurn());
    for (size_t i = first; i < messages_.size(); ++i) {
      if (messages_[i].role != "tool") turns_.push_back(i);
      if (messages_[i].role == "user") last_user_ = i;
    }
    for (size_t turn = 0; turn < turns_.size(); ++turn) {
      if (auto done = WriteTurn(turn); !done) {
        return Propagate(std::move(done), fmt::format("message {}", turns_[turn] + 1));
      }
    }
    if (conversation_.add_generation_prompt && !conversation_.continue_last_message) {
      WriteGenerationPrompt();
    }
    return std::move(out_).Take();
  }

 private:
  /// Returns the index of the first message that is still to be written.
  Result<size_t> WriteSystemTurn() {
    const bool has_system = !messages_.empty() && IsSystem(messages_[0]);
    if (!conversation_.enable_thinking && conversation_.tools.empty() && !has_system) {
      return size_t{0};
    }
    out_.Trusted("<|turn>system\n");
    if (conversation_.enable_thinking) out_.Trusted("<|think|>\n");
    if (has_system) WriteSystemText(messages_[0].content);
    for (size_t i = 0; i < conversation_.tools.size(); ++i) {
      out_.Trusted("<|tool>");
      if (auto done = WriteToolDeclaration(conversation_.tools[i], out_); !done) {
        return Propagate(std::move(done), fmt::format("tool {}", i + 1));
      }
      out_.Trusted("<tool|>");
    }
    out_.Trusted("<turn|>\n");
    return size_t{has_system ? 1u : 0u};
  }

  void WriteSystemText(const Content& content) {
    if (const auto* text = std::get_if<std::string>(&content)) out_.Untrusted(Strip(*text));
    if (const auto* parts = std::get_if<std::vector<Part>>(&content)) {
      for (const Part& part : *parts) {
        out_.Untrusted(Strip(TextOf(part)));
        out_.Trusted(" ");
      }
    }
  }

  /// Writes turns_[turn]: header, reasoning, tool calls, tool results, content, end; in this order.
  Result<void> WriteTurn(size_t turn) {
    const size_t index = turns_[turn];
    const Message& message = messages_[index];
    const bool is_model = ShownRole(message) == "model";
    const bool follows_model = turn > 0 && messages_[turns_[turn - 1]].role == "assistant";
    if (!(is_model && follows_model)) {
      out_.Trusted("<|turn>");
      out_.Untrusted(ShownRole(message));
      out_.Trusted("\n");
    }
    WriteReasoning(index);
    FACET_RETURN_IF_ERROR(WriteToolCalls(message));
    FACET_TRY(const bool has_results, WriteToolResults(turn));
    const bool has_content = WriteContent(index);

    const bool is_last = turn + 1 == turns_.size();
    if (is_last && conversation_.continue_last_message) return {};
    end_ = has_results                   ? TurnEnd::kToolResult
           : !message.tool_calls.empty() ? TurnEnd::kOpenCall
                                         : TurnEnd::kText;
    const bool model_goes_on =
        is_model && !is_last && messages_[turns_[turn + 1]].role == "assistant";
    if (end_ == TurnEnd::kOpenCall) {
      out_.Trusted("<|tool_response>");
    } else if (!model_goes_on && !(has_results && !has_content && is_last)) {
      out_.Trusted("<turn|>\n");
    }
    return {};
  }

  void WriteReasoning(size_t index) {
    const Message& message = messages_[index];
    const bool is_current = !last_user_ || index > *last_user_;
    const bool is_kept = conversation_.preserve_thinking && !message.tool_calls.empty();
    if (message.reasoning.empty() || !(is_current || is_kept)) return;
    out_.Trusted(kThoughtOpen);
    out_.Untrusted(message.reasoning);
    out_.Trusted("\n<channel|>");
  }

  Result<void> WriteToolCalls(const Message& message) {
    for (const ToolCall& call : message.tool_calls) {
      if (!call.arguments.is_object() && !call.arguments.is_null()) {
        return Fail(ErrorCode::kInvalidData, "arguments of a tool call must be an object, not a {}",
                    call.arguments.type_name());
      }
      FACET_RETURN_IF_ERROR(CheckDepth(call.arguments, "a tool call's arguments"));
      out_.Trusted("<|tool_call>call:");
      out_.Untrusted(call.name);
      out_.Trusted("{");
      if (call.arguments.is_object()) WriteMembers(call.arguments, out_);
      out_.Trusted("}<tool_call|>");
    }
    return {};
  }

  /// Writes the results inside the message, else those of the tool messages that follow it. Returns
  /// whether there were any.
  Result<bool> WriteToolResults(size_t turn) {
    const Message& message = messages_[turns_[turn]];
    for (const ToolResponse& response : message.tool_responses) {
      FACET_RETURN_IF_ERROR(CheckDepth(response.response, "a tool's response"));
      WriteToolResult(response.name, response.response);
    }
    if (!message.tool_responses.empty()) return true;
    if (message.tool_calls.empty()) return false;

    std::map<std::optional<std::string>, std::string_view> name_by_id;  // the last call wins
    for (const ToolCall& call : message.tool_calls) name_by_id[call.id] = call.name;
    const size_t begin = turns_[turn] + 1;
    const size_t end = turn + 1 < turns_.size() ? turns_[turn + 1] : messages_.size();
    for (size_t i = begin; i < end; ++i) {
      const Message& result = messages_[i];
      const auto named = name_by_id.find(result.tool_call_id);
      const std::string_view own = result.name.empty() ? std::string_view("unknown") : result.name;
      FACET_RETURN_IF_ERROR(WriteToolMessage(named == name_by_id.end() ? own : named->second, i));
    }
    return end > begin;
  }

  Result<void> WriteToolMessage(std::string_view name, size_t index) {
    const Content& content = messages_[index].content;
    if (const auto* parts = std::get_if<std::vector<Part>>(&content)) {
      std::string text;
      for (const Part& part : *parts) text += TextOf(part);
      WriteToolResult(name, text);
      for (size_t i = 0; i < parts->size(); ++i) {
        if (const auto kind = KindOf((*parts)[i])) out_.Placeholder(*kind, index, i);
      }
    } else if (const auto* text = std::get_if<std::string>(&content)) {
      WriteToolResult(name, *text);
    } else if (const auto* value = std::get_if<ValueContent>(&content)) {
      if (value->value.is_structured()) {
        return Fail(ErrorCode::kInvalidData,
                    "a tool's content must be text, parts or a plain value");
      }
      WriteToolResult(name, value->value);
    } else {
      WriteToolResult(name, OrderedJson());
    }
    return {};
  }

  void WriteToolResult(std::string_view name, const OrderedJson& response) {
    out_.Trusted("<|tool_response>response:");
    out_.Untrusted(name);
    out_.Trusted("{");
    if (response.is_object()) {
      WriteMembers(response, out_);
    } else {
      out_.Trusted("value:");
      WriteValue(response, KeyStyle::kBare, out_);
    }
    out_.Trusted("}<tool_response|>");
  }

  /// Returns whether anything but white space was written.
  bool WriteContent(size_t index) {
    const Message& message = messages_[index];
    const bool is_model = ShownRole(message) == "model";
    if (const auto* text = std::get_if<std::string>(&message.content)) {
      return WriteText(*text, is_model);
    }
    const auto* parts = std::get_if<std::vector<Part>>(&message.content);
    bool has_content = false;
    for (size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
      if (const auto kind = KindOf((*parts)[i])) {
        out_.Placeholder(*kind, index, i);
        has_content = true;
      } else {
        has_content |= WriteText(TextOf((*parts)[i]), is_model);
      }
    }
    return has_content;
  }

  bool WriteText(std::string_view text, bool is_model) {
    const std::string kept = is_model ? WithoutThinking(text) : std::string(text);
    const std::string_view shown = Strip(kept);
    out_.Untrusted(shown);
    return !shown.empty();
  }

  void WriteGenerationPrompt() {
    if (end_ == TurnEnd::kText) {
      out_.Trusted("<|turn>model\n");
      if (!conversation_.enable_thinking) out_.Trusted("<|channel>thought\n<channel|>");
    } else if (end_ == TurnEnd::kToolResult && conversation_.enable_thinking) {
      out_.Trusted(kThoughtOpen);
    }
  }

  const Conversation& conversation_;
  const std::span<const Message> messages_;
  std::vector<size_t> turns_;        // indices of the messages that are not tool results
  std::optional<size_t> last_user_;  // index of the last user message
  TurnEnd end_ = TurnEnd::kText;     // of the last turn written
  PromptWriter out_;
};

}  // namespace

Result<RenderedPrompt> RenderNative(const Conversation& conversation) {
  return Renderer(conversation).Render();
}

}  // namespace facet
