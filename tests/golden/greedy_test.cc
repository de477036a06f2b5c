// Greedy answers to every chat, image and sound of the golden data: the reference's ids and texts,
// on every backend.
#include <gtest/gtest.h>

#include "testing/backends.h"
#include "testing/golden.h"
#include "testing/sessions.h"

namespace facet {
namespace {

using testing::Generate;
using testing::GoldenJson;
using testing::GoldenPath;
using testing::Greedy;
using testing::IdsOf;
using testing::OpenSession;
using testing::SourcePath;
using testing::UserPrompt;
using testing::Value;

class GreedyTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { session_ = OpenSession(SourcePath("models/tiny"), GetParam()); }

  Part Image(const std::string& file) const { return Value(session_->ReadImage(GoldenPath(file))); }
  Part Sound(const std::string& file) const { return Value(session_->ReadAudio(GoldenPath(file))); }

  /// Greedy ids of a prompt, as many as the reference made.
  std::vector<int32_t> Answer(const Prompt& prompt, int64_t max_tokens) const {
    Generator generator(session_->model(), {});
    return IdsOf(Generate(generator, prompt, Greedy(*session_, max_tokens)));
  }
  std::string Text(const std::vector<int32_t>& ids) const {
    return session_->tokenizer().Decode(ids);
  }

  std::unique_ptr<Session> session_;
};

TEST_P(GreedyTest, Chats) {
  const auto chats = GoldenJson("golden.json")["chats"];
  ASSERT_EQ(chats.size(), 8u);
  for (const auto& chat : chats) {
    const auto prompt = chat["prompt"].get<std::string>();
    const auto expected = chat["greedy_ids"].get<std::vector<int32_t>>();
    const auto ids = Answer({.tokens = session_->tokenizer().Encode(prompt), .media = {}},
                            static_cast<int64_t>(expected.size()));
    EXPECT_EQ(ids, expected) << prompt;
    EXPECT_EQ(Text(ids), chat["greedy_text"].get<std::string>());
  }
}

TEST_P(GreedyTest, Images) {
  const auto chats = GoldenJson("golden.json")["image_chats"];
  ASSERT_EQ(chats.size(), 5u);
  for (const auto& chat : chats) {
    const auto file = chat["file"].get<std::string>();
    const auto ids = Answer(UserPrompt(*session_, {Image(file)}, chat["question"]), 64);
    EXPECT_EQ(ids, chat["greedy_ids"].get<std::vector<int32_t>>()) << file;
    EXPECT_EQ(Text(ids), chat["greedy_text"].get<std::string>());
  }
}

TEST_P(GreedyTest, TwoImages) {
  const auto chat = GoldenJson("golden.json")["two_images"];
  const auto prompt =
      UserPrompt(*session_, {Image(chat["files"][0]), Image(chat["files"][1])}, chat["question"]);
  EXPECT_EQ(Text(Answer(prompt, 64)), chat["greedy_text"].get<std::string>());
}

TEST_P(GreedyTest, Sounds) {
  const auto chats = GoldenJson("golden.json")["audio"];
  ASSERT_EQ(chats.size(), 3u);
  for (const auto& chat : chats) {
    const auto file = chat["file"].get<std::string>();
    const auto ids = Answer(UserPrompt(*session_, {Sound(file)}, chat["question"]), 64);
    EXPECT_EQ(ids, chat["greedy_ids"].get<std::vector<int32_t>>()) << file;
    EXPECT_EQ(Text(ids), chat["greedy_text"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, GreedyTest, ::testing::ValuesIn(testing::BackendNames()),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace facet
