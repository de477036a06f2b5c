// Replies in tokens of models/tiny, each parsed token by token and at once (case C20).
#include "prompt/reply_parser.h"

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::Value;

class ReplyParserTest : public ::testing::Test {
 protected:
  /// Ids of text with its control tokens.
  std::vector<int32_t> Ids(const std::string& text) const { return tokenizer_.Encode(text); }

  /// Ids of plain text in the smallest pieces there are: one character each.
  std::vector<int32_t> Letters(const std::string& text) const {
    std::vector<int32_t> ids;
    for (const char c : text) {
      for (const int32_t id : tokenizer_.EncodeUntrusted(std::string(1, c))) ids.push_back(id);
    }
    return ids;
  }

  Reply Parse(const std::vector<int32_t>& ids, const std::string& prompt = kThinkingPrompt) const {
    return ParseReply(tokenizer_, Ids(prompt), ids);
  }
  Reply Parse(const std::string& text, const std::string& prompt = kThinkingPrompt) const {
    return Parse(Ids(text), prompt);
  }

  static constexpr const char* kThinkingPrompt = "<bos><|turn>user\nHi<turn|>\n<|turn>model\n";
  static constexpr const char* kPlainPrompt =
      "<bos><|turn>user\nHi<turn|>\n<|turn>model\n<|channel>thought\n<channel|>";
  static constexpr const char* kInsideThought =
      "<bos><|turn>model\n<|tool_response>response:f{}<tool_response|><|channel>thought\n";

  const Tokenizer tokenizer_ = Value(Tokenizer::Load(testing::SourcePath("models/tiny")));
};

std::vector<int32_t> operator+(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(ReplyParserTest, SplitsThinkingFromTheAnswer) {
  const Reply reply = Parse("<|channel>thought\n ab \n<channel|>c<turn|>");
  EXPECT_EQ(reply.reasoning, "ab");
  EXPECT_EQ(reply.answer, "c");
  EXPECT_TRUE(reply.tool_calls.empty());
  EXPECT_TRUE(reply.broken_calls.empty());
}

TEST_F(ReplyParserTest, ALabelInSmallPiecesNeverLeaks) {
  const auto ids = Ids("<|channel>") + Letters("thought\na b") + Ids("<channel|>c<turn|>");
  const Reply reply = Parse(ids);
  EXPECT_EQ(reply.reasoning, "a b");
  EXPECT_EQ(reply.answer, "c");
  // At every cut the parts are a prefix of the whole.
  for (size_t length = 0; length <= ids.size(); ++length) {
    const Reply cut =
        Parse(std::vector<int32_t>(ids.begin(), ids.begin() + static_cast<long>(length)));
    EXPECT_TRUE(reply.reasoning.starts_with(cut.reasoning)) << cut.reasoning;
    EXPECT_TRUE(reply.answer.starts_with(cut.answer)) << cut.answer;
  }
}

TEST_F(ReplyParserTest, ThePromptMayEndInsideTheThought) {
  EXPECT_EQ(Parse("ab\n<channel|>c<turn|>", kInsideThought).reasoning, "ab");
  EXPECT_EQ(Parse("ab\n<channel|>c<turn|>", kInsideThought).answer, "c");
  // Also before the label is complete.
  const Reply reply =
      Parse(Letters("ought\nab") + Ids("<channel|>c"), "<|turn>model\n<|channel>th");
  EXPECT_EQ(reply.reasoning, "ab");
  EXPECT_EQ(reply.answer, "c");
}

TEST_F(ReplyParserTest, WithThinkingOffAChannelIsStillReasoning) {
  EXPECT_EQ(Parse("c<turn|>", kPlainPrompt).answer, "c");
  const Reply reply = Parse("<|channel>thought\nab<channel|>c<turn|>", kPlainPrompt);
  EXPECT_EQ(reply.reasoning, "ab");
  EXPECT_EQ(reply.answer, "c");
}

TEST_F(ReplyParserTest, ACutInsideTheThoughtLeavesNoAnswer) {
  const auto ids = Ids("<|channel>thought\na");
  const Reply reply = Parse(ids);
  EXPECT_EQ(reply.reasoning, "a");
  EXPECT_EQ(reply.answer, "");
  const Reply in_label = Parse(Ids("<|channel>") + Letters("thoug"));
  EXPECT_EQ(in_label.reasoning, "");
  EXPECT_EQ(in_label.answer, "");
}

TEST_F(ReplyParserTest, WithoutAChannelAllIsAnswer) {
  const Reply reply = Parse(" The brown fox\n jumps \n<turn|>");
  EXPECT_EQ(reply.reasoning, "");
  EXPECT_EQ(reply.answer, " The brown fox\n jumps \n");
}

TEST_F(ReplyParserTest, AChannelWithoutTheLabelLosesNothing) {
  EXPECT_EQ(Parse("<|channel>thoughts differ<channel|>c").reasoning, "thoughts differ");
  EXPECT_EQ(Parse("<|channel>thought<channel|>c").reasoning, "");
  EXPECT_EQ(Parse("<|channel>analysis\nx<channel|>c").reasoning, "analysis\nx");
  EXPECT_EQ(Parse("<|channel><channel|>c").answer, "c");
}

TEST_F(ReplyParserTest, SeveralChannelsArePartedByALineBreak) {
  const Reply reply =
      Parse("<|channel>thought\none <channel|>a<|channel>thought\n two<channel|>b<channel|>");
  EXPECT_EQ(reply.reasoning, "one\ntwo");
  EXPECT_EQ(reply.answer, "ab");
  EXPECT_EQ(Parse("<|channel>thought\na<|channel>thought\nb<channel|>c").reasoning, "a\nb");
  EXPECT_EQ(Parse("<|channel>thought\n \n<channel|><|channel>thought\nb<channel|>").reasoning, "b");
}

TEST_F(ReplyParserTest, TextThatLooksLikeAMarkerIsText) {
  const std::string text = "<|channel>thought\nx<channel|><turn|><|tool_call>call:f{}<tool_call|>";
  const Reply answer = Parse(tokenizer_.EncodeUntrusted(text));
  EXPECT_EQ(answer.answer, text);
  EXPECT_EQ(answer.reasoning, "");
  EXPECT_TRUE(answer.tool_calls.empty());
  const Reply thought =
      Parse(Ids("<|channel>thought\n") + tokenizer_.EncodeUntrusted("<channel|>y"));
  EXPECT_EQ(thought.reasoning, "<channel|>y");
}

TEST_F(ReplyParserTest, ReadsToolCalls) {
  const Reply reply = Parse(
      "<|channel>thought\nask<channel|><|tool_call>call:get_weather{city:<|\"|>Oslo<|\"|>}<tool_"
      "call|>"
      "<|tool_call>call:now{}<tool_call|><|tool_response>");
  EXPECT_EQ(reply.reasoning, "ask");
  EXPECT_EQ(reply.answer, "");
  ASSERT_EQ(reply.tool_calls.size(), 2u);
  EXPECT_EQ(reply.tool_calls[0].name, "get_weather");
  EXPECT_EQ(reply.tool_calls[0].arguments.dump(), R"({"city":"Oslo"})");
  EXPECT_EQ(reply.tool_calls[1].name, "now");
}

TEST_F(ReplyParserTest, AQuoteThatIsTextDoesNotEndAString) {
  const Reply reply =
      Parse(Ids("<|tool_call>call:f{s:<|\"|>") +
            tokenizer_.EncodeUntrusted("a<|\"|><tool_call|>b") + Ids("<|\"|>}<tool_call|>"));
  ASSERT_EQ(reply.tool_calls.size(), 1u);
  EXPECT_EQ(reply.tool_calls[0].arguments["s"], "a<|\"|><tool_call|>b");
}

TEST_F(ReplyParserTest, BrokenCallsKeepTheirText) {
  const Reply reply = Parse("a<|tool_call>call:f{s:<|\"|>x<tool_call|>b<turn|>");
  EXPECT_EQ(reply.answer, "ab");
  ASSERT_EQ(reply.broken_calls.size(), 1u);
  EXPECT_EQ(reply.broken_calls[0].raw, "<|tool_call>call:f{s:<|\"|>x<tool_call|>");
  EXPECT_EQ(reply.broken_calls[0].problem, "a string has no end");
  const Reply cut = Parse("<|tool_call>call:f{a:");
  ASSERT_EQ(cut.broken_calls.size(), 1u);
  EXPECT_EQ(cut.broken_calls[0].raw, "<|tool_call>call:f{a:");
}

TEST_F(ReplyParserTest, ACompleteCallCountsWithoutItsEndMarker) {
  for (const char* end : {"", "<turn|>", "<|tool_response>", "<|channel>"}) {
    const Reply reply = Parse(std::string("<|tool_call>call:f{a:1}") + end);
    ASSERT_EQ(reply.tool_calls.size(), 1u) << end;
    EXPECT_TRUE(reply.broken_calls.empty());
  }
  EXPECT_EQ(Parse("<|tool_call>call:f{}<|tool_call>call:g{}<tool_call|>").tool_calls.size(), 2u);
}

TEST_F(ReplyParserTest, OtherControlTokensShowNowhere) {
  const Reply reply = Parse("a<pad><|think|><|image|>b<tool_call|><channel|><|\"|>c<eos><bos>");
  EXPECT_EQ(reply.answer, "abc");
  EXPECT_EQ(Parse("<|channel>thought\na<|\"|>b<pad>c<channel|>").reasoning, "abc");
}

TEST_F(ReplyParserTest, UnknownIdsGiveNothing) {
  EXPECT_EQ(Parse(std::vector<int32_t>{-1, 1'000'000, INT32_MAX, INT32_MIN}).answer, "");
}

TEST_F(ReplyParserTest,
       HalfACharacterBecomesOneMarkAtTheCut) {  // C21's rule, by the stream decoder
  const std::vector<int32_t> bytes = {*tokenizer_.Find("<0xF0>"), *tokenizer_.Find("<0x9F>"),
                                      *tokenizer_.Find("<0x98>"), *tokenizer_.Find("<0x8A>")};
  EXPECT_EQ(Parse(bytes).answer, "😊");
  EXPECT_EQ(Parse(std::vector<int32_t>(bytes.begin(), bytes.begin() + 2)).answer, "\uFFFD");
  const auto thought = Ids("<|channel>thought\n") + bytes + Ids("<channel|>") + bytes;
  EXPECT_EQ(Parse(thought).reasoning, "😊");
  EXPECT_EQ(Parse(thought).answer, "😊");
}

TEST_F(ReplyParserTest, WorksWithoutToolTokensInTheVocabulary) {
  // The vocabulary of the "script" models of case C20: thought, \n, a, b, c as tokens, no tool
  // tokens.
  const Tokenizer small = Value(Tokenizer::Load(testing::CasePath("tiny")));
  ASSERT_FALSE(small.Find("<|tool_call>").has_value());
  const auto reply = ParseReply(small, {}, small.Encode("<|channel>thought\nab<channel|>c<turn|>"));
  EXPECT_EQ(reply.reasoning, "ab");
  EXPECT_EQ(reply.answer, "c");
}

}  // namespace
}  // namespace facet
