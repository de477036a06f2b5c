#include "kernels/device_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace facet {
namespace {

using ::testing::HasSubstr;

TEST(DeviceInfoTest, TheChoiceFollowsTheFeaturesAndSaysWhy) {
  const auto both = ChooseInstructionSet({.avx2 = true, .avx512 = true});
  EXPECT_EQ(both.set, InstructionSet::kAvx512);
  EXPECT_THAT(both.reason, HasSubstr("AVX-512"));
  const auto narrow = ChooseInstructionSet({.avx2 = true, .avx512 = false});
  EXPECT_EQ(narrow.set, InstructionSet::kAvx2);
  EXPECT_THAT(narrow.reason, HasSubstr("does not report AVX-512"));
  EXPECT_EQ(ChooseInstructionSet({}).set, InstructionSet::kNone);
}

TEST(DeviceInfoTest, DetectsThisMachine) {
  const DeviceInfo info = DetectDevice();
  EXPECT_FALSE(info.processor.empty());
  EXPECT_GE(info.threads, 1);
  EXPECT_GT(info.memory_bytes, int64_t{64} << 20);
  EXPECT_NE(info.choice.set, InstructionSet::kNone);  // these tests are compiled for AVX2
}

}  // namespace
}  // namespace facet
