#include "base/file.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::TemporaryFolder;
using testing::Value;

TEST(MappedFileTest, ReadsBytesAndRefusesFolders) {
  const TemporaryFolder folder;
  Value(WriteFile(folder.path() / "a", "hello"));
  const MappedFile file = Value(MappedFile::Open(folder.path() / "a"));
  ASSERT_EQ(file.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(file.bytes()[4]), 'o');
  EXPECT_EQ(ErrorOf(MappedFile::Open(folder.path())).code, ErrorCode::kIo);
  EXPECT_EQ(ErrorOf(MappedFile::Open(folder.path() / "b")).code, ErrorCode::kNotFound);
}

TEST(MappedFileTest, EmptyFileIsAnEmptySpan) {
  const TemporaryFolder folder;
  Value(WriteFile(folder.path() / "a", ""));
  EXPECT_TRUE(Value(MappedFile::Open(folder.path() / "a")).bytes().empty());
}

TEST(ReadFileTest, HoldsItsLimit) {
  const TemporaryFolder folder;
  Value(WriteFile(folder.path() / "a", "12345"));
  EXPECT_EQ(Value(ReadFile(folder.path() / "a", 5)), "12345");
  EXPECT_EQ(ErrorOf(ReadFile(folder.path() / "a", 4)).code, ErrorCode::kResource);
}

TEST(WriteFileTest, ReplacesAndLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  Value(WriteFile(folder.path() / "a", "old"));
  Value(WriteFile(folder.path() / "a", "new"));
  EXPECT_EQ(Value(ReadFile(folder.path() / "a", 10)), "new");
  EXPECT_EQ(Value(ListFiles(folder.path())), std::vector<std::string>{"a"});
}

TEST(StagedFolderTest, AppearsOnlyWhenPublished) {
  const TemporaryFolder folder;
  const auto target = folder.path() / "out";
  {
    StagedFolder staged = Value(StagedFolder::Create(target));
    Value(WriteFile(staged.path() / "x", "1"));
    EXPECT_FALSE(std::filesystem::exists(target));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  StagedFolder staged = Value(StagedFolder::Create(target));
  Value(WriteFile(staged.path() / "x", "1"));
  Value(staged.Publish());
  EXPECT_EQ(Value(ReadFile(target / "x", 10)), "1");
}

TEST(StagedFolderTest, RefusesAnExistingTargetAndASecondWriter) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "full");
  Value(WriteFile(folder.path() / "full" / "x", "1"));
  EXPECT_EQ(ErrorOf(StagedFolder::Create(folder.path() / "full")).code, ErrorCode::kIo);
  const StagedFolder first = Value(StagedFolder::Create(folder.path() / "out/"));
  EXPECT_NE(ErrorOf(StagedFolder::Create(folder.path() / "out")).message.find("another process"),
            std::string::npos);
}

TEST(StagedFolderTest, RemovesWhatAKilledProcessLeft) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    auto staged = StagedFolder::Create(folder.path() / "out");
    static_cast<void>(WriteFile(staged->path() / "half", "1"));
    ::_exit(0);  // no destructor runs, as after SIGKILL
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out"));
  StagedFolder staged = Value(StagedFolder::Create(folder.path() / "out"));
  EXPECT_TRUE(std::filesystem::is_empty(staged.path()));
  Value(staged.Publish());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "out"));
}

TEST(HumanBytesTest, UsesDecimalUnits) {
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(8'250'000'000), "8.25 GB");
  EXPECT_EQ(HumanBytes(999'600), "1.00 MB");
}

}  // namespace
}  // namespace facet
