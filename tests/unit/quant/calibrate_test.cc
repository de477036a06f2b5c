#include "quant/calibrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/poke.h"
#include "testing/tiny_model.h"

namespace facet {
namespace {

using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::IsEmpty;
using testing::LoadedModel;
using testing::Value;

TEST(CutIntoWindowsTest, BosThenTextAndAShorterEnd) {
  const std::vector<int32_t> tokens = {10, 11, 12, 13, 14};
  EXPECT_THAT(CutIntoWindows(tokens, {.samples = 9, .sequence_length = 3, .bos = 2}),
              ElementsAre(ElementsAre(2, 10, 11), ElementsAre(2, 12, 13), ElementsAre(2, 14)));
  EXPECT_THAT(CutIntoWindows(tokens, {.samples = 1, .sequence_length = 3, .bos = {}}),
              ElementsAre(ElementsAre(10, 11, 12)));
  EXPECT_THAT(CutIntoWindows({}, {.samples = 9, .sequence_length = 3, .bos = 2}), IsEmpty());
}

std::vector<std::vector<int32_t>> SomeSequences() {
  std::vector<std::vector<int32_t>> sequences;
  for (int32_t i = 0; i < 5; ++i) {
    std::vector<int32_t>& tokens = sequences.emplace_back();
    for (int32_t t = 0; t < 20 - 3 * i; ++t) tokens.push_back((7 * i + 31 * t) % 512);
  }
  return sequences;
}

class CalibrateTest : public ::testing::Test {
 protected:
  LoadedModel loaded_{testing::CasePath("tiny"), "ref"};
  std::vector<std::vector<int32_t>> sequences_ = SomeSequences();
};

TEST_F(CalibrateTest, EveryGroupOfEveryLayerHasARange) {
  const InputRanges ranges = Value(Calibrate(loaded_.model(), sequences_, 2, {}));
  EXPECT_EQ(ranges.size(), 6u * 4);
  for (const auto& [group, amax] : ranges) EXPECT_GT(amax, 0) << group;
  EXPECT_EQ(ranges.count(GroupName(5, LinearGroup::kDown)), 1u);
}

/// The maximum of the parts is the maximum of the whole, however they are batched.
TEST_F(CalibrateTest, BatchingDoesNotMatter) {
  const InputRanges whole = Value(Calibrate(loaded_.model(), sequences_, 5, {}));
  EXPECT_EQ(Value(Calibrate(loaded_.model(), sequences_, 1, {})), whole);
  EXPECT_EQ(Value(Calibrate(loaded_.model(), sequences_, 3, {})), whole);
  InputRanges merged;
  for (const auto& sequence : sequences_) {
    for (const auto& [group, amax] : Value(Calibrate(loaded_.model(), {&sequence, 1}, 1, {}))) {
      merged[group] = std::max(merged[group], amax);
    }
  }
  EXPECT_EQ(merged, whole);
}

TEST_F(CalibrateTest, ReportsProgressToTheEnd) {
  int64_t last = 0;
  int64_t total = 0;
  const RunControl control{.progress =
                               [&](std::string_view, int64_t done, int64_t all, std::string_view) {
                                 EXPECT_GT(done, last);
                                 last = done;
                                 total = all;
                               },
                           .cancelled = {}};
  Value(Calibrate(loaded_.model(), sequences_, 2, control));
  EXPECT_EQ(last, 20 + 17 + 14 + 11 + 8);
  EXPECT_EQ(total, last);
}

TEST_F(CalibrateTest, StopsWhenAsked) {
  int steps = 0;
  const RunControl control{.progress = {}, .cancelled = [&] { return ++steps > 1; }};
  EXPECT_EQ(ErrorOf(Calibrate(loaded_.model(), sequences_, 2, control)).code,
            ErrorCode::kCancelled);
}

TEST_F(CalibrateTest, RefusesNoTokensAndUnknownIds) {
  EXPECT_EQ(ErrorOf(Calibrate(loaded_.model(), {}, 4, {})).code, ErrorCode::kUsage);
  const std::vector<std::vector<int32_t>> unknown = {{1, 100000}};
  EXPECT_EQ(ErrorOf(Calibrate(loaded_.model(), unknown, 4, {})).code, ErrorCode::kUsage);
}

TEST(CalibrateBrokenTest, NamesTheFirstInputThatIsNotFinite) {
  const testing::TemporaryFolder folder;
  const auto copy = folder.path() / "tiny";
  testing::CopyCheckpoint(testing::CasePath("tiny"), copy);
  testing::Poke(copy / "model.safetensors",
                "model.language_model.layers.1.pre_feedforward_layernorm.weight", 0, "c07f");
  const LoadedModel loaded(copy, "ref");
  const Error error = ErrorOf(Calibrate(loaded.model(), SomeSequences(), 4, {}));
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
  EXPECT_NE(error.message.find("layers.1.mlp.gate_up_proj"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace facet
