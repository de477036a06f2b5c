// Fuzzes the tokenizer. The first byte chooses: parse the rest as a tokenizer.json; or encode the
// rest as text with a small tokenizer, whose second half is untrusted, and decode it again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "testing/small_tokenizer.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace facet {
namespace {

const Tokenizer& Small() {
  static const Tokenizer tokenizer = *Tokenizer::Parse(
      testing::SmallTokenizer(
          {"ab", "abc", "aa", "aaaa", "▁▁", "▁a", "é", "😊", "<", "|", ">"},
          {{"▁", "▁"}, {"a", "b"}, {"ab", "c"}, {"a", "a"}, {"aa", "aa"}, {"▁", "a"}},
          {"<turn|>", "abcd"})
          .dump());
  return tokenizer;
}

std::string Streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.Push(id);
  return text + stream.Finish();
}

void RoundTrip(const Tokenizer& tokenizer, std::string_view text) {
  const ByteRange second_half{text.size() / 2, text.size()};
  const auto ids = tokenizer.Encode(text, {&second_half, 1});
  const std::string decoded = tokenizer.Decode(ids);
  FACET_CHECK(IsValidUtf8(decoded));
  FACET_CHECK(IsValidUtf8(Streamed(tokenizer, ids)));
  const auto untrusted = tokenizer.EncodeUntrusted(text);
  FACET_CHECK(std::ranges::none_of(untrusted, [&](int32_t id) { return tokenizer.IsSpecial(id); }));
  if (!IsValidUtf8(text) || text.find("▁") != std::string_view::npos) return;
  FACET_CHECK(decoded == text);
  FACET_CHECK(Streamed(tokenizer, ids) == text);
  FACET_CHECK(tokenizer.Decode(untrusted) == text);
}

void ParseAndUse(std::string_view json) {
  const auto tokenizer = Tokenizer::Parse(json);
  if (!tokenizer) return;
  RoundTrip(*tokenizer, "The <bos> whale <|turn>\n\n é😊 <0x41>");
  RoundTrip(*tokenizer, json.substr(0, 1000));
}

}  // namespace
}  // namespace facet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'j') {
    facet::ParseAndUse(rest);
  } else {
    facet::RoundTrip(facet::Small(), rest);
  }
  return 0;
}
