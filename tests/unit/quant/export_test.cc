#include "quant/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::Value;

TEST(AuxiliaryFilesTest, LeavesOutWeightsAndWhatIsMadeAnew) {
  const testing::TemporaryFolder folder;
  for (const char* name :
       {"config.json", "hf_quant_config.json", "model.safetensors", "a.safetensors.index.json",
        "pytorch_model.bin", "x.gguf", "tokenizer.json", "README.md", ".gitattributes"}) {
    testing::WriteBytes(folder.path() / name, "x");
  }
  EXPECT_THAT(Value(AuxiliaryFiles(folder.path())),
              ElementsAre(".gitattributes", "README.md", "tokenizer.json"));
}

TEST(CheckFreeSpaceTest, StatesBothNumbers) {
  const testing::TemporaryFolder folder;
  EXPECT_TRUE(CheckFreeSpace(folder.path(), 1).has_value());
  const Error error = ErrorOf(CheckFreeSpace(folder.path(), int64_t{1} << 60));
  EXPECT_EQ(error.code, ErrorCode::kIo);
  EXPECT_THAT(error.message, HasSubstr("TB needed, "));
  EXPECT_THAT(error.message, HasSubstr("B available"));
}

TEST(StageTargetTest, ASiblingWhoseNameBeginsAlikeIsNotInside) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "model");
  EXPECT_TRUE(StageTarget(folder.path() / "model", folder.path() / "model-nvfp4").has_value());
  EXPECT_EQ(ErrorOf(StageTarget(folder.path() / "model", folder.path() / "model" / "x")).code,
            ErrorCode::kUsage);
}

}  // namespace
}  // namespace facet
