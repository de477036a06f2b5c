#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::SourcePath;
using testing::Value;

class StreamDecoderTest : public ::testing::Test {
 protected:
  std::string PushByte(uint8_t byte) {
    return decoder_.Push(*tokenizer_.Find(fmt::format("<0x{:02X}>", byte)));
  }

  const Tokenizer tokenizer_ = Value(Tokenizer::Load(SourcePath("models/tiny")));
  StreamDecoder decoder_{tokenizer_};
};

TEST_F(StreamDecoderTest, NeverHoldsHalfACharacter) {
  EXPECT_EQ(PushByte(0xF0), "");
  EXPECT_EQ(PushByte(0x9F), "");
  EXPECT_EQ(PushByte(0x98), "");
  EXPECT_EQ(PushByte(0x8A), "😊");
  EXPECT_EQ(decoder_.Finish(), "");
}

TEST_F(StreamDecoderTest, ATokenAfterHalfACharacterGivesUpTheHalf) {
  EXPECT_EQ(PushByte(0xF0), "");
  EXPECT_EQ(PushByte(0x9F), "");
  EXPECT_EQ(decoder_.Push(*tokenizer_.Find("<|turn>")), "\uFFFD\uFFFD<|turn>");
  EXPECT_EQ(decoder_.Push(*tokenizer_.Find("▁the")), " the");
}

TEST_F(StreamDecoderTest, TheEndInsideACharacterIsOneReplacement) {
  PushByte(0xF0);
  PushByte(0x9F);
  EXPECT_EQ(decoder_.Finish(), "\uFFFD");
  EXPECT_EQ(decoder_.Finish(), "");
  EXPECT_EQ(PushByte('a'), "a");
}

TEST_F(StreamDecoderTest, UnknownIdsGiveNothing) {
  PushByte(0xC3);
  EXPECT_EQ(decoder_.Push(-1), "");
  EXPECT_EQ(decoder_.Push(1'000'000), "");
  EXPECT_EQ(PushByte(0xA9), "é");
}

}  // namespace
}  // namespace facet
