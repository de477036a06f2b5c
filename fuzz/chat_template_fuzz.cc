// Any JSON as a conversation: reading and rendering it must end in a prompt or an error. A prompt's
// ranges must be in order, and its placeholders trusted.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "prompt/conversation_json.h"
#include "prompt/native_template.h"

namespace facet {
namespace {

void CheckRanges(const RenderedPrompt& prompt) {
  size_t end = 0;
  for (const ByteRange& range : prompt.untrusted) {
    FACET_CHECK(range.begin >= end && range.end > range.begin);
    end = range.end;
  }
  FACET_CHECK(end <= prompt.text.size());
  for (const MediaPlaceholder& media : prompt.media) {
    const size_t length = media.where.end - media.where.begin;
    FACET_CHECK(prompt.text.substr(media.where.begin, length) == PlaceholderText(media.kind));
    for (const ByteRange& range : prompt.untrusted) {
      FACET_CHECK(range.end <= media.where.begin || range.begin >= media.where.end);
    }
  }
}

}  // namespace
}  // namespace facet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace facet;
  if (size < 1) return 0;
  const OrderedJson json = OrderedJson::parse(data + 1, data + size, nullptr, false);
  if (!json.is_object() || !json.contains("messages")) return 0;
  auto conversation = ReadConversation(json["messages"], json.value("tools", OrderedJson(nullptr)));
  if (!conversation) return 0;
  conversation->enable_thinking = (data[0] & 1) != 0;
  conversation->preserve_thinking = (data[0] & 2) != 0;
  conversation->add_generation_prompt = (data[0] & 4) != 0;
  conversation->continue_last_message = (data[0] & 8) != 0;
  if (const auto prompt = RenderNative(*conversation)) CheckRanges(*prompt);
  return 0;
}
