#include "text/utf8.h"

#include <gtest/gtest.h>

namespace facet {
namespace {

std::string Streamed(std::string_view bytes) {
  Utf8Stream stream;
  std::string out;
  for (const char byte : bytes) {
    stream.Push({&byte, 1}, out);
    EXPECT_TRUE(IsValidUtf8(out));
  }
  stream.Finish(out);
  return out;
}

TEST(Utf8Test, EveryCodePointRoundTrips) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(code_point, text);
    const Utf8Char read = ReadUtf8(text);
    ASSERT_EQ(read.code_point, code_point);
    ASSERT_EQ(read.length, static_cast<int>(text.size()));
    text.pop_back();
    ASSERT_EQ(ReadUtf8(text).length, 0);
  }
}

TEST(Utf8Test, RefusesWhatTheStandardForbids) {
  for (const std::string_view bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "\xC3(", "\xE2(\xA1"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << testing::PrintToString(bad);
    EXPECT_FALSE(IsValidUtf8("a" + std::string(bad) + "b")) << testing::PrintToString(bad);
  }
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0x", 2)));
  EXPECT_TRUE(IsValidUtf8("\xF4\x8F\xBF\xBF"));
}

TEST(Utf8StreamTest, HoldsACharacterBackUntilItIsWhole) {
  Utf8Stream stream;
  std::string out;
  stream.Push("a\xF0\x9F\x98", out);
  EXPECT_EQ(out, "a");
  stream.Push("\x8A!", out);
  EXPECT_EQ(out, "a😊!");
  stream.Finish(out);
  EXPECT_EQ(out, "a😊!");
}

TEST(Utf8StreamTest, InvalidBytesBecomeReplacementCharacters) {
  EXPECT_EQ(Streamed("a\x80z"), "a\uFFFDz");
  EXPECT_EQ(Streamed("\xFF\xFE"), "\uFFFD\uFFFD");
  EXPECT_EQ(Streamed("\xE2\x82z"), "\uFFFD\uFFFDz");             // two bytes lost their character
  EXPECT_EQ(Streamed("\xE2\x82\xE2\x82\xAC"), "\uFFFD\uFFFD€");  // the next one is whole
  EXPECT_EQ(Streamed("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");     // a surrogate
}

TEST(Utf8StreamTest, AnIncompleteTailIsOneReplacementCharacter) {
  EXPECT_EQ(Streamed("\xC3"), "\uFFFD");
  EXPECT_EQ(Streamed("a\xF0\x9F\x98"), "a\uFFFD");
}

}  // namespace
}  // namespace facet
