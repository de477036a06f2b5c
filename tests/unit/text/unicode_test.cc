#include "text/unicode.h"

#include <gtest/gtest.h>

namespace facet {
namespace {

TEST(UnicodeTest, StripsEverySpaceThatPythonStrips) {
  // U+3000, U+001F, U+00A0, U+2028 go; U+200B (zero width) and U+180E are no white space.
  EXPECT_EQ(Strip("\u3000\x1f\u00a0a b\u2028\n"), "a b");
  EXPECT_EQ(Strip("\u200b \u180e"), "\u200b \u180e");
  EXPECT_EQ(Strip(" \t\n"), "");
  EXPECT_EQ(Strip(""), "");
  EXPECT_EQ(Strip("\u0085x\u205f\u202f\u1680\u2000\u200a"), "x");
}

TEST(UnicodeTest, StripLeavesBrokenBytes) {
  EXPECT_EQ(Strip(" \x80 "), "\x80");
  EXPECT_EQ(Strip("\xe3\x80"), "\xe3\x80");
  EXPECT_EQ(Strip("\x80\x80\x80\x80\x80"), "\x80\x80\x80\x80\x80");
}

TEST(UnicodeTest, CaseFollowsUnicodeNotTheLocale) {
  EXPECT_EQ(ToLower("AZ@[ÖΩЖİ"), "az@[öωжi̇");
  EXPECT_EQ(ToUpper("az`{öωжß"), "AZ`{ÖΩЖSS");
  EXPECT_EQ(ToLower("ĀāŁ𐐀你"), "āāł𐐨你");
  EXPECT_EQ(ToUpper("āĂ\xff"), "ĀĂ\xff");
}

}  // namespace
}  // namespace facet
