// The program itself, before any command: version, help, usage errors. And the helper that runs it.
#include <gtest/gtest.h>

#include "testing/process.h"

namespace facet {
namespace {

using testing::RunFacet;
using testing::RunProcess;

TEST(RunProcessTest, PassesInputBothOutputsAndTheExitCode) {
  const auto result =
      RunProcess({"sh", "-c", "cat; echo oops >&2; exit 7"}, {.input = std::string(300'000, 'x')});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, std::string(300'000, 'x'));
  EXPECT_EQ(result.err, "oops\n");
}

TEST(RunProcessTest, KillsAProgramThatTakesTooLong) {
  const auto result = RunProcess({"sleep", "60"}, {.timeout = std::chrono::seconds(1)});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
}

TEST(RunProcessTest, SurvivesAProgramThatIgnoresItsInput) {
  EXPECT_EQ(RunProcess({"true"}, {.input = std::string(300'000, 'x')}).exit_code, 0);
}

TEST(ProgramTest, VersionAndHelp) {
  EXPECT_EQ(RunFacet({"--version"}).exit_code, 0);
  const auto help = RunFacet({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("Exit codes:"), std::string::npos) << help.out;
}

TEST(ProgramTest, UsageErrorsExitWithTwo) {
  EXPECT_EQ(RunFacet({}).exit_code, 2);
  EXPECT_EQ(RunFacet({"no-such-command"}).exit_code, 2);
}

}  // namespace
}  // namespace facet
