#include "prompt/chat_template.h"

#include <fstream>

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::Value;

TEST(ChatTemplateTest, NoFileMeansTheCanonicalTemplate) {
  const testing::TemporaryFolder folder;
  const ChatTemplate chat_template = Value(ChatTemplate::Load(folder.path()));
  EXPECT_FALSE(chat_template.warning().has_value());
  EXPECT_EQ(Value(chat_template.Render({.messages = {{.role = "user", .content = "Hi"}}})).text,
            "<bos><|turn>user\nHi<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
}

TEST(ChatTemplateTest, AnotherTemplateIsReported) {
  const ChatTemplate chat_template = Value(ChatTemplate::Load(testing::CasePath("tiny")));
  ASSERT_TRUE(chat_template.warning().has_value());
  EXPECT_NE(chat_template.warning()->find("chat_template.jinja"), std::string::npos);
}

TEST(ChatTemplateTest, AFolderInItsPlaceIsAnError) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "chat_template.jinja");
  EXPECT_FALSE(ChatTemplate::Load(folder.path()).has_value());
}

TEST(ChatTemplateTest, AHugeFileIsAnError) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder.path() / "chat_template.jinja") << std::string((1 << 20) + 1, ' ');
  EXPECT_EQ(testing::ErrorOf(ChatTemplate::Load(folder.path())).code, ErrorCode::kResource);
}

}  // namespace
}  // namespace facet
