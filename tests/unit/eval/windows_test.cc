#include "eval/windows.h"

#include <gtest/gtest.h>

#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

TEST(WindowsTest, TheGoldenProtocol) {
  // "chunk i starts at 255*i while 255*i < len-256": heldout.txt has 57596 tokens, 57375 scored.
  const auto windows = Value(CutWindows(57596, {.context = 256, .prefix = {2}}));
  EXPECT_EQ(windows.size(), 225u);
  EXPECT_EQ(TokensScored(windows), 57375);
  EXPECT_EQ(windows[1].begin, 255);
  EXPECT_EQ(windows[1].end, 510);
  EXPECT_EQ(windows[1].scored_from, 255);
  // The rule's edge: a start at len - 256 is out.
  EXPECT_EQ(Value(CutWindows(255 + 256, {.context = 256, .prefix = {2}})).size(), 1u);
  EXPECT_EQ(Value(CutWindows(255 + 257, {.context = 256, .prefix = {2}})).size(), 2u);
}

TEST(WindowsTest, WithoutPrefixAWindowsFirstTokenIsNotScored) {
  const auto windows = Value(CutWindows(100, {.context = 10, .prefix = {}}));
  for (const ScoringWindow& window : windows) {
    EXPECT_EQ(window.end - window.begin, 10);
    EXPECT_EQ(window.scored_from, window.begin + 1);
  }
}

TEST(WindowsTest, AShortTextIsOneWindow) {
  const auto with = Value(CutWindows(9, {.context = 2048, .prefix = {2}}));
  ASSERT_EQ(with.size(), 1u);
  EXPECT_EQ(TokensScored(with), 9);
  EXPECT_EQ(TokensScored(Value(CutWindows(9, {.context = 2048, .prefix = {}}))), 8);
}

TEST(WindowsTest, OverlappingWindowsScoreEveryTokenOnce) {
  for (const bool bos : {false, true}) {
    for (int64_t stride = 1; stride < 16; ++stride) {
      ScoringProtocol protocol{.context = 17, .stride = stride, .prefix = {}};
      if (bos) protocol.prefix = {2};
      int64_t next = bos ? 0 : 1;
      for (const ScoringWindow& window : Value(CutWindows(101, protocol))) {
        EXPECT_EQ(window.scored_from, next);
        EXPECT_LE(window.end - window.begin, protocol.window_text());
        EXPECT_LT(window.begin, window.end);
        // Only the text's start has less before it than a window's overlap.
        if (window.begin > 0) {
          EXPECT_GE(window.scored_from - window.begin, protocol.window_text() - stride);
        }
        next = window.end;
      }
      EXPECT_EQ(next, 101);
    }
  }
}

TEST(WindowsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ErrorOf(CutWindows(100, {.context = 1, .prefix = {}})).code, ErrorCode::kUsage);
  EXPECT_EQ(ErrorOf(CutWindows(100, {.context = 3, .prefix = {1, 2, 3}})).code, ErrorCode::kUsage);
  EXPECT_EQ(ErrorOf(CutWindows(100, {.context = 10, .stride = 10, .prefix = {2}})).code,
            ErrorCode::kUsage);
  EXPECT_EQ(ErrorOf(CutWindows(100, {.context = 10, .stride = -1})).code, ErrorCode::kUsage);
  EXPECT_EQ(ErrorOf(CutWindows(0, {.context = 10, .prefix = {2}})).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(CutWindows(1, {.context = 10, .prefix = {}})).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(CutWindows(1, {.context = 10, .stride = 3})).code, ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace facet
