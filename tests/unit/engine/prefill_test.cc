#include "engine/prefill.h"

#include <gtest/gtest.h>

namespace facet {
namespace {

MediaSpan Image(int64_t first, int64_t count) { return {first, count, ImagePatches{}}; }

/// 40 tokens with media at [5, 15), [15, 21) and [30, 33).
Prompt PromptWithMedia() {
  Prompt prompt;
  for (int32_t i = 0; i < 40; ++i) prompt.tokens.push_back(i);
  prompt.media.push_back(Image(5, 10));
  prompt.media.push_back(Image(15, 6));
  prompt.media.push_back({30, 3, AudioFrames{}});
  return prompt;
}

TEST(PrefillTest, RangesCoverThePromptAndSplitNoMedium) {
  const Prompt prompt = PromptWithMedia();
  for (int64_t limit = 10; limit <= 50; ++limit) {
    int64_t expected = 0;
    for (const TokenRange range : CutPrompt(prompt, 0, limit)) {
      EXPECT_EQ(range.begin, expected);
      EXPECT_GT(range.end, range.begin);
      EXPECT_LE(range.end - range.begin, limit);
      EXPECT_EQ(OutsideMedia(prompt, range.end), range.end) << "limit " << limit;
      expected = range.end;
    }
    EXPECT_EQ(expected, 40);
  }
}

TEST(PrefillTest, RangesAreAsLongAsTheyCanBe) {
  const std::vector<TokenRange> ranges = CutPrompt(PromptWithMedia(), 0, 12);
  ASSERT_EQ(ranges.size(), 5u);
  EXPECT_EQ(ranges[0].end, 5);   // 12 lies inside the first image
  EXPECT_EQ(ranges[1].end, 15);  // 17 inside the second
  EXPECT_EQ(ranges[2].end, 27);
  EXPECT_EQ(ranges[3].end, 39);
  EXPECT_EQ(ranges[4].end, 40);
}

TEST(PrefillTest, BeginsWhereItIsTold) {
  const std::vector<TokenRange> ranges = CutPrompt(PromptWithMedia(), 33, 100);
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].begin, 33);
  EXPECT_EQ(ranges[0].end, 40);
  EXPECT_TRUE(CutPrompt(PromptWithMedia(), 40, 100).empty());
}

TEST(PrefillTest, TheLimitGrowsToTheLargestMedium) {
  EXPECT_EQ(ChunkLimit(PromptWithMedia(), 4), 10);
  EXPECT_EQ(ChunkLimit(PromptWithMedia(), 512), 512);
}

TEST(PrefillTest, AChunkHasItsMediaCountedFromItsStart) {
  const Prompt prompt = PromptWithMedia();
  const Chunk chunk = MakeChunk(prompt, {15, 33}, 2);
  EXPECT_EQ(chunk.slot, 2);
  EXPECT_EQ(chunk.tokens.front(), 15);
  EXPECT_EQ(chunk.tokens.size(), 18u);
  ASSERT_EQ(chunk.media.size(), 2u);
  EXPECT_EQ(chunk.media[0].first_token, 0);
  EXPECT_EQ(chunk.media[0].count, 6);
  EXPECT_EQ(chunk.media[0].kind, MediaKind::kImage);
  EXPECT_EQ(chunk.media[1].first_token, 15);
  EXPECT_EQ(chunk.media[1].kind, MediaKind::kAudio);
}

TEST(PrefillTest, OutsideMediaMovesToAMediumsStart) {
  const Prompt prompt = PromptWithMedia();
  EXPECT_EQ(OutsideMedia(prompt, 5), 5);
  EXPECT_EQ(OutsideMedia(prompt, 14), 5);
  EXPECT_EQ(OutsideMedia(prompt, 15), 15);  // between two images
  EXPECT_EQ(OutsideMedia(prompt, 32), 30);
  EXPECT_EQ(OutsideMedia(prompt, 33), 33);
}

}  // namespace
}  // namespace facet
