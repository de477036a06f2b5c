#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/paths.h"
#include "testing/process.h"

namespace facet {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::ProcessOptions;
using testing::RunFacet;
using testing::SourcePath;

const std::string& Tiny() {
  static const std::string folder = SourcePath("models/tiny").string();
  return folder;
}

TEST(TokenizeTest, HelpHasExamples) {
  const auto result = RunFacet({"tokenize", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("facet tokenize models/tiny --decode"));
}

TEST(TokenizeTest, PrintsIdsAndPieces) {
  const auto result = RunFacet({"tokenize", Tiny(), "<bos>a\nb"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("       0        2  <bos>  (special)\n"));
  EXPECT_THAT(result.out, HasSubstr("       1      342  a\n"));
  EXPECT_THAT(result.out, HasSubstr("4 tokens, 8 bytes\n"));
}

TEST(TokenizeTest, JsonFromStandardInputGoesBackThroughDecode) {
  const std::string text = "Call me Ishmael.\n\n\tCafé 😊 <|turn>";
  const auto encoded = RunFacet({"tokenize", Tiny(), "--json"}, {.input = text});
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  const json document = json::parse(encoded.out);
  EXPECT_EQ(document["count"], document["ids"].size());
  EXPECT_EQ(document["count"], document["pieces"].size());
  EXPECT_EQ(document["pieces"].back(), "<|turn>");

  const auto decoded = RunFacet({"tokenize", Tiny(), "--decode", "-"}, {.input = encoded.out});
  EXPECT_EQ(decoded.exit_code, 0) << decoded.err;
  EXPECT_EQ(decoded.out, text + "\n");
}

TEST(TokenizeTest, DecodesListsOfIds) {
  for (const char* ids : {"2 342", "2,342", "[2, 342]", "2\n342\n"}) {
    const auto result = RunFacet({"tokenize", Tiny(), "--decode", "--json", ids});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(json::parse(result.out)["text"], "<bos>a") << ids;
  }
}

TEST(TokenizeTest, NoSpecialSpellsControlStrings) {
  const auto result = RunFacet({"tokenize", Tiny(), "--no-special", "--json", "<|turn>"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GT(json::parse(result.out)["count"], 1);
}

TEST(TokenizeTest, AnEmptyTextHasNoTokens) {
  const auto result = RunFacet({"tokenize", Tiny(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["ids"], json::array());
}

TEST(TokenizeTest, FailuresHaveTheirExitCodes) {
  EXPECT_EQ(RunFacet({"tokenize"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"tokenize", Tiny(), "--decode", "2 x"}).exit_code, 2);
  EXPECT_EQ(RunFacet({"tokenize", Tiny(), "--decode", "--", "-1"}).exit_code, 2);
  const auto outside = RunFacet({"tokenize", Tiny(), "--decode", "4096"});
  EXPECT_EQ(outside.exit_code, 2);
  EXPECT_THAT(outside.err, HasSubstr("token id 4096 is outside the vocabulary of 4096"));
  EXPECT_EQ(RunFacet({"tokenize", "/no/such/folder", "x"}).exit_code, 3);
  EXPECT_EQ(RunFacet({"tokenize", Tiny()}, {.input = "\xFF"}).exit_code, 5);
}

TEST(TokenizeTest, ABrokenTokenizerIsInvalidData) {
  const testing::TemporaryFolder folder;
  ASSERT_EQ(testing::RunProcess({"sh", "-c", "printf '{' > tokenizer.json"},
                                {.folder = folder.path().string()})
                .exit_code,
            0);
  const auto result = RunFacet({"tokenize", folder.path().string(), "x"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("tokenizer.json"));
}

}  // namespace
}  // namespace facet
