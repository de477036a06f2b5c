// facet chat with piped input, and once on a terminal of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/process.h"

namespace facet {
namespace {

using testing::GoldenPath;
using ::testing::HasSubstr;
using testing::ProcessResult;
using testing::RunFacet;
using testing::RunProcess;
using testing::SourcePath;

std::string Tiny() { return SourcePath("models/tiny").string(); }

ProcessResult Chat(const std::string& input, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"chat", Tiny(), "--temperature", "0", "--no-history"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunFacet(arguments, {.input = input});
}

TEST(ChatTest, AnswersEveryLineAndNothingElse) {
  const auto result = Chat("What is the capital of France?\n\nWhat is 7 plus 5?\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "The capital of France is Paris.\n7 plus 5 is 12.\n");
  EXPECT_EQ(result.err, "");
}

TEST(ChatTest, ALineMayGoOn) {
  EXPECT_EQ(Chat("What is \\\n7 plus 5?\n").out, "7 plus 5 is 12.\n");
  EXPECT_EQ(Chat("Hello!").out, "Hello! How can I help you today?\n");  // no newline at the end
}

TEST(ChatTest, ShowsPicturesWithTheNextMessage) {
  const auto result =
      Chat("/image " + GoldenPath("circle.png").string() + "\nWhat is in the image?\n");
  EXPECT_EQ(result.out, "A red circle on a blue background.\n") << result.err;
  const auto sound = Chat("/audio " + GoldenPath("low.wav").string() + "\nWhat do you hear?\n");
  EXPECT_EQ(sound.out, "I hear a low tone.\n") << sound.err;
}

TEST(ChatTest, ThinkingCanBeSwitched) {
  const auto result = Chat(
      "/think on\nWhat is the capital of Japan?\n/reset\n/think off\nWhat is the capital of "
      "France?\n");
  EXPECT_EQ(result.out, "The capital of Japan is Tokyo.\nThe capital of France is Paris.\n");
  EXPECT_EQ(result.err,
            "[thinking]\nThe user wants a short answer. I know it.\n[end of thinking]\n");
}

TEST(ChatTest, ReusesWhatItHasComputed) {
  const auto result = Chat("What is the capital of France?\nWhat is 7 plus 5?\n", {"--statistics"});
  EXPECT_THAT(result.err, HasSubstr("26 prompt tokens, first"));
  EXPECT_THAT(result.err, HasSubstr("(21 still known)"));
}

TEST(ChatTest, ResetForgets) {
  const auto result = Chat("Hello!\n/reset\nHello!\n", {"--statistics"});
  EXPECT_EQ(result.out, "Hello! How can I help you today?\nHello! How can I help you today?\n");
  EXPECT_THAT(result.err, ::testing::ContainsRegex("21 prompt tokens.*\n.*21 prompt tokens"));
}

TEST(ChatTest, SavesTheConversation) {
  const testing::TemporaryFolder folder;
  const std::string file = (folder.path() / "chat.json").string();
  const auto result = Chat("/system Be short.\n/think on\nWhat is the capital of Japan?\n/save " +
                           file + "\n/quit\nnever read\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto saved = nlohmann::json::parse(testing::ReadBytes(file));
  ASSERT_EQ(saved["messages"].size(), 3u);
  EXPECT_EQ(saved["messages"][0]["role"], "system");
  EXPECT_EQ(saved["messages"][0]["content"], "Be short.");
  EXPECT_EQ(saved["messages"][1]["content"][0]["text"], "What is the capital of Japan?");
  EXPECT_EQ(saved["messages"][2]["role"], "assistant");
  EXPECT_THAT(result.out, HasSubstr(saved["messages"][2]["content"].get<std::string>()));
}

TEST(ChatTest, MistakesDoNotEndIt) {
  const auto result =
      Chat("/image /no/such.png\n/nonsense\n/think maybe\n/save\n\xFF\nWhat is 7 plus 5?\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "7 plus 5 is 12.\n");
  EXPECT_THAT(result.err, HasSubstr("/no/such.png"));
  EXPECT_THAT(result.err, HasSubstr("unknown command /nonsense"));
  EXPECT_THAT(result.err, HasSubstr("UTF-8"));
}

TEST(ChatTest, OnATerminalLinesAreEditedAndKept) {
  // script(1) gives the program a terminal. Ctrl-A goes to the line's start, where "What is 7 " is
  // put in front of "plus 5?".
  const testing::TemporaryFolder folder;
  const ProcessResult result =
      RunProcess({"script", "-qec",
                  std::string(FACET_BINARY) + " chat " + Tiny() + " --temperature 0", "/dev/null"},
                 {.input = "plus 5?\x01What is 7 \n/quit\n",
                  .environment = {{"XDG_STATE_HOME", folder.path().string()}, {"TERM", "xterm"}}});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("7 plus 5 is 12."));
  const std::string history = testing::ReadBytes(folder.path() / "facet" / "history");
  EXPECT_THAT(history, HasSubstr("/quit"));
  const auto permissions =
      std::filesystem::status(folder.path() / "facet" / "history").permissions();
  EXPECT_EQ(permissions & std::filesystem::perms::group_read, std::filesystem::perms::none);
}

}  // namespace
}  // namespace facet
