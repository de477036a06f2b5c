#include "prompt/conversation.h"

namespace facet {

Result<void> CheckContinuation(const Conversation& conversation) {
  if (!conversation.continue_last_message) return {};
  const std::vector<Message>& messages = conversation.messages;
  if (messages.empty() ||
      (messages.back().role != "assistant" && messages.back().role != "model")) {
    return Fail(ErrorCode::kUsage, "only an assistant's message can be continued");
  }
  if (!messages.back().tool_calls.empty() || !messages.back().tool_responses.empty()) {
    return Fail(ErrorCode::kUsage, "a message that calls tools cannot be continued");
  }
  return {};
}

}  // namespace facet
