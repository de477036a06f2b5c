// Whatever stops quantize or dequantize, the new folder is complete or not there: a full disk, a
// kill, Ctrl-C, folders that cannot be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/background_process.h"
#include "testing/exported.h"

namespace facet {
namespace {

using testing::BackgroundProcess;
using testing::CasePath;
using ::testing::HasSubstr;
using testing::ProcessResult;
using testing::Quantize;
using testing::QuantizeCommand;
using testing::RunProcess;

class ExportFaultsTest : public ::testing::Test {
 protected:
  std::filesystem::path Folder(const std::string& name) const { return temporary_.path() / name; }
  std::filesystem::path Staging(const std::string& name) const {
    return Folder("." + name + ".partial");
  }

  std::vector<std::string> Dequantize(const std::filesystem::path& target) const {
    return {FACET_BINARY, "dequantize", CasePath("tiny_modelopt").string(), target.string()};
  }

  testing::TemporaryFolder temporary_;
};

/// `command` with files limited to `kilobytes`, where a full disk's error comes back from write().
std::vector<std::string> WithFileLimit(int kilobytes, const std::vector<std::string>& command) {
  std::vector<std::string> limited = {
      "bash", "-c", "trap '' XFSZ; ulimit -f " + std::to_string(kilobytes) + "; exec \"$@\"", "_"};
  limited.insert(limited.end(), command.begin(), command.end());
  return limited;
}

TEST_F(ExportFaultsTest, AFullDiskLeavesNothing) {
  for (const int kilobytes : {0, 1, 100, 1400}) {
    for (const auto& command :
         {QuantizeCommand(CasePath("tiny"), Folder("out")), Dequantize(Folder("out"))}) {
      const ProcessResult result = RunProcess(WithFileLimit(kilobytes, command));
      EXPECT_EQ(result.exit_code, 4) << command[1] << " " << kilobytes << ": " << result.err;
      EXPECT_THAT(result.err, HasSubstr("cannot write"));
      EXPECT_TRUE(std::filesystem::is_empty(temporary_.path())) << command[1] << kilobytes;
    }
  }
}

/// Killed at moments spread over the whole run, beginning with its first write; then again.
TEST_F(ExportFaultsTest, AKillLeavesTheWholeFolderOrNone) {
  const std::vector<std::string> shards = {"--max-shard-size", "50000"};
  ASSERT_EQ(Quantize(CasePath("tiny"), Folder("expected"), shards).exit_code, 0);
  int killed_while_writing = 0;
  for (int moment = 0; moment < 24; ++moment) {
    BackgroundProcess process(QuantizeCommand(CasePath("tiny"), Folder("out"), shards));
    const auto files = [&] {
      std::error_code error;
      const auto count = std::distance(std::filesystem::directory_iterator(Staging("out"), error),
                                       std::filesystem::directory_iterator());
      return error ? -1 : static_cast<int>(count);
    };
    if (process.WaitUntil([&] { return files() >= moment; })) process.Signal(SIGKILL);
    if (process.Wait() == 128 + SIGKILL && !std::filesystem::exists(Folder("out"))) {
      ++killed_while_writing;
    } else {
      testing::ExpectSameFiles(Folder("out"), Folder("expected"));
      std::filesystem::remove_all(Folder("out"));
    }
  }
  EXPECT_GT(killed_while_writing, 10) << "the moments must hit the run";
  const ProcessResult again = Quantize(CasePath("tiny"), Folder("out"), shards);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  testing::ExpectSameFiles(Folder("out"), Folder("expected"));
  EXPECT_FALSE(std::filesystem::exists(Staging("out")));
}

TEST_F(ExportFaultsTest, InterruptsCleanUp) {
  for (const int signal : {SIGINT, SIGTERM}) {
    // More text than a second's worth, so that the signal comes during calibration.
    BackgroundProcess process({FACET_BINARY, "quantize",
                               testing::SourcePath("models/tiny").string(), Folder("out").string(),
                               "--calibration",
                               testing::SourcePath("models/tiny/calibration.txt").string(),
                               "--sequence-length", "64", "--batch-size", "1"});
    ASSERT_TRUE(process.WaitUntil([&] { return std::filesystem::exists(Staging("out")); }));
    process.Signal(signal);
    EXPECT_EQ(process.Wait(), 130);
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
  }
}

TEST_F(ExportFaultsTest, ATargetThatExistsIsRefusedAndUntouched) {
  std::filesystem::create_directory(Folder("out"));
  testing::WriteBytes(Folder("out") / "mine", "precious");
  testing::WriteBytes(Folder("file"), "precious");
  for (const char* name : {"out", "file"}) {
    for (const auto& command :
         {QuantizeCommand(CasePath("tiny"), Folder(name)), Dequantize(Folder(name))}) {
      const ProcessResult result = RunProcess(command);
      EXPECT_EQ(result.exit_code, 4);
      EXPECT_THAT(result.err, HasSubstr("exists already"));
    }
  }
  EXPECT_EQ(testing::ReadBytes(Folder("out") / "mine"), "precious");
  EXPECT_EQ(testing::ReadBytes(Folder("file")), "precious");
}

TEST_F(ExportFaultsTest, ATargetInsideTheSourceIsRefused) {
  testing::CopyCheckpoint(CasePath("tiny"), Folder("source"));
  std::filesystem::create_directory_symlink(Folder("source"), Folder("link"));
  for (const auto& target : {Folder("source") / "q", Folder("link") / "deep" / "q",
                             Folder("source") / ".." / "source" / "q"}) {
    const ProcessResult result = Quantize(Folder("source"), target);
    EXPECT_EQ(result.exit_code, 2) << target;
    EXPECT_THAT(result.err, HasSubstr("is inside the source"));
  }
}

TEST_F(ExportFaultsTest, FoldersThatCannotBeAreErrors) {
  testing::WriteBytes(Folder("file"), "");
  for (const auto& target : {Folder("file") / "out", Folder("none") / "out"}) {
    const ProcessResult result = Quantize(CasePath("tiny"), target);
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.err, HasSubstr("cannot create"));
  }
}

/// As root nothing is read-only, so the program then runs as nobody.
TEST_F(ExportFaultsTest, AReadOnlyFolderIsAnErrorBeforeAnyWork) {
  namespace fs = std::filesystem;
  fs::permissions(temporary_.path(), fs::perms::owner_all | fs::perms::group_read |
                                         fs::perms::group_exec | fs::perms::others_read |
                                         fs::perms::others_exec);
  fs::create_directory(Folder("locked"));
  fs::permissions(Folder("locked"), fs::perms::owner_read | fs::perms::owner_exec |
                                        fs::perms::others_read | fs::perms::others_exec);
  std::vector<std::string> command = QuantizeCommand(CasePath("tiny"), Folder("locked") / "out");
  if (::geteuid() == 0) {
    const std::vector<std::string> as_nobody = {"setpriv", "--reuid=65534", "--regid=65534",
                                                "--clear-groups"};
    command.insert(command.begin(), as_nobody.begin(), as_nobody.end());
  }
  const ProcessResult result = RunProcess(command);
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("cannot create"));
  EXPECT_TRUE(fs::is_empty(Folder("locked")));
}

}  // namespace
}  // namespace facet
