// Ranges of inputs against the reference implementation's (tests/data/golden/golden.json,
// calib_input_amax): the first 64 windows of BOS and 255 tokens of models/tiny/calibration.txt.
#include <gtest/gtest.h>

#include "quant/calibrate.h"
#include "testing/golden.h"
#include "testing/poke.h"
#include "testing/tiny_model.h"
#include "text/tokenizer.h"

namespace facet {
namespace {

using testing::LoadedModel;
using testing::SourcePath;
using testing::Value;

std::vector<std::vector<int32_t>> GoldenWindows() {
  const Tokenizer tokenizer = Value(Tokenizer::Load(SourcePath("models/tiny")));
  const auto ids = tokenizer.Encode(testing::ReadBytes(SourcePath("models/tiny/calibration.txt")));
  return CutIntoWindows(ids, {.samples = 64, .sequence_length = 256, .bos = tokenizer.bos_id()});
}

LinearGroup GroupOf(const std::string& key) {
  if (key == "qkv") return LinearGroup::kQueryKeyValue;
  if (key == "o") return LinearGroup::kOutput;
  if (key == "gu") return LinearGroup::kGateUp;
  return LinearGroup::kDown;
}

/// 2 % is what the format's specification asks of two implementations. Both passes here are
/// float32, and the file has five decimals: they agree to 1e-4.
TEST(CalibrationGoldenTest, RangesAreTheReferences) {
  const LoadedModel loaded = LoadedModel::Tiny("cpu");
  const auto windows = GoldenWindows();
  ASSERT_EQ(windows.size(), 64u);
  for (const auto& window : windows) ASSERT_EQ(window.size(), 256u);
  const InputRanges ranges = Value(Calibrate(loaded.model(), windows, 4, {}));
  const auto golden = testing::GoldenJson("golden.json").at("calib_input_amax");
  ASSERT_EQ(golden.size(), 12u * 4);
  EXPECT_EQ(ranges.size(), golden.size());
  for (const auto& [key, amax] : golden.items()) {
    const size_t dot = key.find('.');
    const std::string group =
        GroupName(std::stoul(key.substr(0, dot)), GroupOf(key.substr(dot + 1)));
    EXPECT_NEAR(ranges.at(group) / amax.get<double>(), 1, 1e-4) << key;
  }
}

}  // namespace
}  // namespace facet
