// Every conversation of the golden file renders to the very bytes of the canonical template, errors
// included.
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "prompt/conversation_json.h"
#include "prompt/native_template.h"
#include "testing/paths.h"

namespace facet {
namespace {

Result<RenderedPrompt> Render(const OrderedJson& example) {
  FACET_TRY(Conversation conversation, ReadConversation(example["messages"], example["tools"]));
  conversation.enable_thinking = example["enable_thinking"].get<bool>();
  conversation.preserve_thinking = example["preserve_thinking"].get<bool>();
  conversation.add_generation_prompt = example["add_generation_prompt"].get<bool>();
  return RenderNative(conversation);
}

TEST(ChatGoldenTest, EveryCaseRendersExactly) {
  std::ifstream file(testing::GoldenPath("chat.json"));
  const OrderedJson golden = OrderedJson::parse(file);
  ASSERT_EQ(golden["cases"].size(), 167u);
  int errors = 0;
  for (const OrderedJson& example : golden["cases"]) {
    SCOPED_TRACE(example["name"].get<std::string>());
    const OrderedJson& expected = example["expected"];
    const auto rendered = Render(example);
    if (expected.is_object()) {
      ++errors;
      ASSERT_FALSE(rendered.has_value()) << rendered->text;
      EXPECT_EQ(rendered.error().code, ErrorCode::kInvalidData) << rendered.error().message;
    } else {
      ASSERT_TRUE(rendered.has_value()) << rendered.error().message;
      EXPECT_EQ(rendered->text, expected.get<std::string>());
    }
  }
  EXPECT_EQ(errors, 12);
}

}  // namespace
}  // namespace facet
