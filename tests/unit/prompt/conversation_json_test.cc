#include "prompt/conversation_json.h"

#include <string>

#include <gtest/gtest.h>

#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

Result<Conversation> Read(const std::string& messages, const std::string& tools = "null") {
  return ReadConversation(OrderedJson::parse(messages), OrderedJson::parse(tools));
}

std::string Problem(const std::string& messages) { return ErrorOf(Read(messages)).message; }

TEST(ConversationJsonTest, PartsKeepTheirOrderAndUnknownOnesAreEmptyText) {
  const Conversation conversation = Value(Read(R"([{"role":"user","content":[
    {"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"a"},{"type":5},{},
    {"type":"input_audio"},{"type":"video"},{"type":"file"}]}])"));
  const auto& parts = std::get<std::vector<Part>>(conversation.messages[0].content);
  ASSERT_EQ(parts.size(), 7u);
  EXPECT_TRUE(std::holds_alternative<ImagePart>(parts[0]));
  EXPECT_EQ(std::get<TextPart>(parts[1]).text, "a");
  EXPECT_EQ(std::get<TextPart>(parts[2]).text, "");
  EXPECT_EQ(std::get<TextPart>(parts[3]).text, "");
  EXPECT_TRUE(std::holds_alternative<AudioPart>(parts[4]));
  EXPECT_TRUE(std::holds_alternative<VideoPart>(parts[5]));
  EXPECT_EQ(std::get<TextPart>(parts[6]).text, "");
}

TEST(ConversationJsonTest, TheCallersReaderMakesTheMedia) {
  const auto messages =
      OrderedJson::parse(R"([{"role":"user","content":[{"type":"image","url":"u"}]}])");
  const auto read = [](const OrderedJson& part) -> Result<Part> {
    EXPECT_EQ(part["url"], "u");
    return Fail(ErrorCode::kUnsupported, "no pictures here");
  };
  const Error error = ErrorOf(ReadConversation(messages, nullptr, read));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_EQ(error.message, "message 1: no pictures here");
}

TEST(ConversationJsonTest, MissingIdsDifferFromEmptyOnes) {
  const Conversation conversation = Value(Read(R"([
    {"role":"tool","tool_call_id":""},{"role":"tool"},{"role":"tool","tool_call_id":null}])"));
  EXPECT_EQ(conversation.messages[0].tool_call_id, "");
  EXPECT_FALSE(conversation.messages[1].tool_call_id.has_value());
  EXPECT_FALSE(conversation.messages[2].tool_call_id.has_value());
}

TEST(ConversationJsonTest, ErrorsNameTheMessage) {
  EXPECT_EQ(Problem("{}"), "\"messages\" must be a list");
  EXPECT_EQ(Problem("[1]"), "message 1: \"role\" must be a string");
  EXPECT_EQ(Problem(R"([{"role":"user"},{"role":"user","content":["a"]}])"),
            "message 2: a content part must be an object, not a string");
  EXPECT_EQ(Problem(R"([{"role":"assistant","reasoning":1}])"),
            "message 1: \"reasoning\" must be a string, not a number");
  EXPECT_EQ(Problem(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}])"),
            "message 1: the call of \"f\" has no \"arguments\"");
  EXPECT_EQ(Problem(R"([{"role":"assistant","tool_calls":{"a":1}}])"),
            "message 1: \"tool_calls\" must be a list");
  EXPECT_EQ(Problem(R"([{"role":"assistant","tool_responses":[{"name":"f"}]}])"),
            "message 1: an item of \"tool_responses\" needs a \"response\"");
  EXPECT_EQ(ErrorOf(Read("[]", "{}")).message, "\"tools\" must be a list");
}

TEST(ConversationJsonTest, DepthIsLimited) {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_EQ(ErrorOf(Read(deep)).code, ErrorCode::kResource);
  EXPECT_EQ(ErrorOf(Read("[]", deep)).code, ErrorCode::kResource);
}

}  // namespace
}  // namespace facet
