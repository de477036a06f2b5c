// What tokenizer.json files are accepted, and how the others are refused.
#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/result_matchers.h"
#include "testing/small_tokenizer.h"
#include "text/tokenizer.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::SmallTokenizer;
using testing::Value;

Result<Tokenizer> Parse(const json& document) { return Tokenizer::Parse(document.dump()); }

/// The small tokenizer with one value replaced.
json With(const std::string& pointer, const json& value) {
  json document = SmallTokenizer();
  document[json::json_pointer(pointer)] = value;
  return document;
}

void ExpectError(const json& document, ErrorCode code, const std::string& message) {
  const Error error = ErrorOf(Parse(document));
  EXPECT_EQ(error.code, code) << error.message;
  EXPECT_THAT(error.message, HasSubstr(message));
}

TEST(TokenizerJsonTest, AcceptsTheSmallTokenizer) {
  EXPECT_EQ(Value(Parse(SmallTokenizer())).vocabulary_size(), 256 + 1 + 26 + 2);
}

TEST(TokenizerJsonTest, BothFormsOfMerges) {
  for (const json& merges : {json::array({json::array({"a", "b"})}), json::array({"a b"})}) {
    json document = SmallTokenizer({"ab"});
    document["model"]["merges"] = merges;
    const Tokenizer tokenizer = Value(Parse(document));
    EXPECT_EQ(tokenizer.Encode("ab"), std::vector<int32_t>{*tokenizer.Find("ab")});
  }
}

TEST(TokenizerJsonTest, MergesMayComeBeforeTheVocabulary) {
  const json document = SmallTokenizer({"ab"}, {{"a", "b"}});
  nlohmann::ordered_json swapped = nlohmann::ordered_json::parse(document.dump());
  nlohmann::ordered_json model = swapped["model"];
  model.erase("vocab");
  model["vocab"] = swapped["model"]["vocab"];
  swapped["model"] = model;
  const Tokenizer tokenizer = Value(Tokenizer::Parse(swapped.dump()));
  EXPECT_EQ(tokenizer.Encode("ab").size(), 1u);
}

TEST(TokenizerJsonTest, OfAPieceThatOccursTwiceTheLaterIdCounts) {
  std::string text = SmallTokenizer({"#"}).dump();
  const int32_t first = *Value(Tokenizer::Parse(text)).Find("#");
  text.insert(text.find("\"vocab\":{") + 9, "\"#\":1000,");
  EXPECT_EQ(*Value(Tokenizer::Parse(text)).Find("#"), first);
  text.insert(text.find('}', text.find("\"vocab\":{")), ",\"#\":1001");
  const Tokenizer tokenizer = Value(Tokenizer::Parse(text));
  EXPECT_EQ(*tokenizer.Find("#"), 1001);
  EXPECT_EQ(tokenizer.Piece(1000), "#");
}

TEST(TokenizerJsonTest, RefusesOtherKindsByTheNameOfThePart) {
  ExpectError(With("/model/type", "Unigram"), ErrorCode::kUnsupported, "model.type");
  ExpectError(With("/model/byte_fallback", false), ErrorCode::kUnsupported, "model.byte_fallback");
  ExpectError(With("/model/ignore_merges", true), ErrorCode::kUnsupported, "model.ignore_merges");
  ExpectError(With("/model/dropout", 0.1), ErrorCode::kUnsupported, "model.dropout");
  ExpectError(With("/model/end_of_word_suffix", "</w>"), ErrorCode::kUnsupported,
              "model.end_of_word_suffix");
  ExpectError(With("/normalizer", {{"type", "NFKC"}}), ErrorCode::kUnsupported, "normalizer");
  ExpectError(With("/normalizer", nullptr), ErrorCode::kUnsupported, "normalizer");
  ExpectError(With("/pre_tokenizer", {{"type", "ByteLevel"}}), ErrorCode::kUnsupported,
              "pre_tokenizer");
  ExpectError(With("/decoder/decoders/1/type", "Strip"), ErrorCode::kUnsupported, "decoder");
  ExpectError(With("/post_processor", {{"type", "ByteLevel"}}), ErrorCode::kUnsupported,
              "post_processor");
  ExpectError(With("/added_tokens/0/lstrip", true), ErrorCode::kUnsupported, "lstrip");
}

TEST(TokenizerJsonTest, RefusesBrokenTables) {
  ExpectError(With("/model/vocab/zz", -1), ErrorCode::kInvalidData, "has id -1");
  ExpectError(With("/model/vocab/zz", 1 << 20), ErrorCode::kInvalidData, "has id 1048576");
  ExpectError(With("/model/vocab/zz", UINT64_MAX), ErrorCode::kInvalidData, "has id");
  ExpectError(With("/model/vocab/zz", 1.5), ErrorCode::kInvalidData, "\"zz\"");
  ExpectError(With("/model/vocab/zz", 260), ErrorCode::kInvalidData, "given to both");
  ExpectError(With("/model/vocab", json::array()), ErrorCode::kInvalidData, "model.vocab");
  ExpectError(With("/model/vocab", json::object()), ErrorCode::kUnsupported, "byte token");
  ExpectError(With("/model/merges", json::object()), ErrorCode::kInvalidData, "model.merges");
  ExpectError(With("/model/merges", json::array({{"a", "b", "c"}})), ErrorCode::kInvalidData,
              "model.merges");
  ExpectError(With("/model/merges", json::array({1, 2})), ErrorCode::kInvalidData, "model.merges");
  ExpectError(With("/model/merges", json::array({"a b c"})), ErrorCode::kInvalidData,
              "model.merges");
  ExpectError(With("/model/merges", json::array({json::array({"a", "b"})})),
              ErrorCode::kInvalidData, "\"a\" + \"b\"");
  ExpectError(With("/added_tokens/0", {{"id", 5}}), ErrorCode::kInvalidData, "added_tokens");
  ExpectError(With("/added_tokens/0/content", "<0x41>"), ErrorCode::kInvalidData, "<0x41>");
  ExpectError(json::array(), ErrorCode::kInvalidData, "not a JSON object");
}

TEST(TokenizerJsonTest, RefusesAVocabularyWithoutByteTokensOrSpace) {
  json document = SmallTokenizer();
  document["model"]["vocab"].erase("<0x7F>");
  ExpectError(document, ErrorCode::kUnsupported, "<0x7F>");
  document = SmallTokenizer();
  document["model"]["vocab"].erase("▁");
  ExpectError(document, ErrorCode::kUnsupported, "U+2581");
}

TEST(TokenizerJsonTest, ByteTokensDoNotMerge) {
  ExpectError(SmallTokenizer({"<0x41>a"}, {{"<0x41>", "a"}}), ErrorCode::kUnsupported,
              "byte tokens do not merge");
}

TEST(TokenizerJsonTest, BadJsonSaysWhere) {
  const std::string text = SmallTokenizer().dump();
  for (const size_t length : {size_t{0}, size_t{1}, text.size() / 2, text.size() - 1}) {
    EXPECT_EQ(ErrorOf(Tokenizer::Parse(text.substr(0, length))).code, ErrorCode::kInvalidData);
  }
  EXPECT_THAT(ErrorOf(Tokenizer::Parse("{\"a\": nope}")).message, HasSubstr("byte"));
  EXPECT_EQ(ErrorOf(Tokenizer::Parse(text + "x")).code, ErrorCode::kInvalidData);
}

TEST(TokenizerJsonTest, DepthAndSizeAreBounded) {
  const std::string deep(10'000'000, '[');
  EXPECT_EQ(ErrorOf(ReadTokenizerJson(deep)).code, ErrorCode::kResource);
  std::string wide = "[0";
  for (int i = 0; i < 1'000'000; ++i) wide += ",0";
  EXPECT_EQ(ErrorOf(ReadTokenizerJson(wide + "]")).code, ErrorCode::kResource);
}

}  // namespace
}  // namespace facet
