// Conversations, pictures and sounds to the very token ids that the reference fed its model.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "prompt/prompt_builder.h"
#include "testing/golden.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::Golden;
using testing::GoldenJson;
using testing::GoldenPath;
using testing::Value;

constexpr size_t kMaxFile = 1 << 24;

class PromptIdsTest : public ::testing::Test {
 protected:
  static Part LoadImage(const std::string& name) {
    const std::string file = Value(ReadFile(GoldenPath(name), kMaxFile));
    return ImagePart{Value(
        ProcessImage(Value(DecodeImage(std::as_bytes(std::span(file)))), {.max_soft_tokens = 70}))};
  }

  static Part LoadAudio(const std::string& name) {
    const std::string file = Value(ReadFile(GoldenPath(name), kMaxFile));
    return AudioPart{Value(ProcessAudio(Value(DecodeAudio(std::as_bytes(std::span(file)))), {}))};
  }

  Prompt Ask(std::vector<Part> content) const {
    return Value(builder_.Build({.messages = {{.role = "user", .content = std::move(content)}}}));
  }

  static void ExpectIds(const Prompt& prompt, const std::string& name) {
    const std::vector<int64_t> expected = Golden::Load(GoldenPath("golden.safetensors")).I64(name);
    EXPECT_EQ(std::vector<int64_t>(prompt.tokens.begin(), prompt.tokens.end()), expected) << name;
  }

  const PromptBuilder builder_ = Value(PromptBuilder::Load(testing::SourcePath("models/tiny")));
};

/// The conversations behind `chats`, in the file's order. The last prompt there is plain text.
std::vector<Conversation> Chats() {
  const OrderedJson weather = OrderedJson::parse(R"({"type":"function","function":{
    "name":"get_weather","description":"Get the current weather for a city.",
    "parameters":{"type":"object","properties":{
      "city":{"type":"string","description":"Name of the city"}},"required":["city"]}}})");
  const auto ask = [](const char* question) {
    return Message{.role = "user", .content = question};
  };
  return {
      {.messages = {ask("What is the capital of France?")}},
      {.messages = {ask("What is 7 plus 5?")}},
      {.messages = {ask("Count from 3 to 7.")}},
      {.messages = {ask("Hello!")}},
      {.messages = {ask("What is the weather in Oslo?")}, .tools = {weather}},
      {.messages = {ask("What is the capital of Japan?")}, .enable_thinking = true},
  };
}

Conversation AnsweredCall() {
  Conversation conversation = Chats()[4];
  conversation.messages = {
      {.role = "user", .content = "How is the weather in Lima today?"},
      {.role = "assistant",
       .tool_calls = {{.id = "1", .name = "get_weather", .arguments = {{"city", "Lima"}}}}},
      {.role = "tool", .content = "rainy", .tool_call_id = "1"}};
  return conversation;
}

TEST_F(PromptIdsTest, Chats) {
  const auto chats = GoldenJson("golden.json")["chats"];
  std::vector<Conversation> conversations = Chats();
  ASSERT_EQ(chats.size(), conversations.size() + 2);
  for (size_t i = 0; i < conversations.size(); ++i) {
    EXPECT_EQ(Value(builder_.Build(conversations[i])).tokens,
              chats[i]["prompt_ids"].get<std::vector<int32_t>>())
        << chats[i]["prompt"];
  }
  // The reference's prompt for this one opens a thought before the call, as generation had begun
  // there; the template renders history without it. Both are the same from the call on.
  const auto& call = chats[6];
  const std::string rendered = Value(builder_.chat_template().Render(AnsweredCall())).text;
  std::string expected = call["prompt"];
  const std::string thought = "<|channel>thought\n<channel|>";
  expected.erase(expected.find(thought), thought.size());
  EXPECT_EQ(rendered, expected);
  EXPECT_EQ(builder_.tokenizer().Encode(call["prompt"].get<std::string>()),
            call["prompt_ids"].get<std::vector<int32_t>>());
  // Plain text.
  const std::string text = chats[7]["prompt"];
  ASSERT_TRUE(text.starts_with("<bos>"));
  EXPECT_EQ(Value(builder_.BuildText(text.substr(5))).tokens,
            chats[7]["prompt_ids"].get<std::vector<int32_t>>());
}

TEST_F(PromptIdsTest, Images) {
  const auto chats = GoldenJson("golden.json")["image_chats"];
  ASSERT_EQ(chats.size(), 5u);
  for (const auto& chat : chats) {
    const std::string file = chat["file"];
    const Prompt prompt = Ask({LoadImage(file), TextPart{chat["question"].get<std::string>()}});
    ExpectIds(prompt, "img." + file.substr(0, file.find('.')) + ".ids");
    ASSERT_EQ(prompt.media.size(), 1u);
  }
}

TEST_F(PromptIdsTest, TwoImages) {
  const auto chat = GoldenJson("golden.json")["two_images"];
  const Prompt prompt = Ask({LoadImage(chat["files"][0].get<std::string>()),
                             LoadImage(chat["files"][1].get<std::string>()),
                             TextPart{chat["question"].get<std::string>()}});
  ExpectIds(prompt, "img2.ids");
  ASSERT_EQ(prompt.media.size(), 2u);
  EXPECT_EQ(prompt.media[0].count, 60);
  EXPECT_EQ(prompt.media[1].count, 68);
}

TEST_F(PromptIdsTest, Sounds) {
  const auto chats = GoldenJson("golden.json")["audio"];
  ASSERT_EQ(chats.size(), 3u);
  for (const auto& chat : chats) {
    const std::string file = chat["file"];
    const Prompt prompt = Ask({LoadAudio(file), TextPart{chat["question"].get<std::string>()}});
    ExpectIds(prompt, "audio." + file.substr(0, file.find('.')) + ".ids");
    ASSERT_EQ(prompt.media.size(), 1u);
    EXPECT_EQ(prompt.media[0].count, chat["frames"].get<int64_t>());
  }
}

}  // namespace
}  // namespace facet
