// Any tokens as a reply: no crash, the same parts token by token and at once, nothing invalid in
// the text. The vocabulary is a small one, made here: control tokens, bytes, and a few pieces. Each
// input byte is one token of the prompt (before the first 0xFF) or of the reply.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "prompt/reply_parser.h"
#include "text/utf8.h"

namespace facet {
namespace {

constexpr const char* kControl[] = {"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>",
                                    "<|\"|>",     "<|turn>",    "<turn|>",      "<|tool_response>",
                                    "<eos>",      "<bos>"};
constexpr const char* kPieces[] = {"thought", "call:", "true", "null",  "\n", "{", "}", "[",
                                   "]",       ",",     ":",    "\"",    "\\", "1", "-", ".",
                                   "e",       "a",     "th",   "ought", "<",  "|", ">", "\u2581"};

Tokenizer MakeTokenizer() {
  nlohmann::json vocabulary = nlohmann::json::object();
  nlohmann::json added = nlohmann::json::array();
  for (const char* name : kControl) {
    const auto id = vocabulary.size();
    vocabulary[name] = id;
    added.push_back({{"id", id},
                     {"content", name},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  for (const char* piece : kPieces) vocabulary.emplace(piece, vocabulary.size());
  // High bytes first: one input byte reaches only the first 255 ids.
  for (int i = 0; i < 256; ++i) {
    vocabulary.emplace(fmt::format("<0x{:02X}>", (i + 0x80) % 256), vocabulary.size());
  }
  const nlohmann::json json = {
      {"added_tokens", added},
      {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"byte_fallback", true},
        {"vocab", vocabulary},
        {"merges", nlohmann::json::array()}}}};
  auto tokenizer = Tokenizer::Parse(json.dump());
  FACET_CHECK(tokenizer.has_value());
  return *std::move(tokenizer);
}

/// What the events say, in order and with the text of one kind joined.
struct Seen {
  std::string reasoning;
  std::string answer;
  size_t calls = 0;
  size_t broken = 0;

  void Take(const std::vector<ReplyEvent>& events) {
    for (const ReplyEvent& event : events) {
      if (const auto* text = std::get_if<ReasoningText>(&event)) reasoning += text->text;
      if (const auto* text = std::get_if<AnswerText>(&event)) answer += text->text;
      if (const auto* call = std::get_if<CalledTool>(&event)) {
        ++calls;
        FACET_CHECK(call->call.arguments.is_object() && !call->call.name.empty());
      }
      if (const auto* call = std::get_if<BrokenToolCall>(&event)) {
        ++broken;
        FACET_CHECK(IsValidUtf8(call->raw) && !call->problem.empty());
      }
      FACET_CHECK(IsValidUtf8(reasoning) && IsValidUtf8(answer));
    }
  }
};

}  // namespace
}  // namespace facet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace facet;
  static const Tokenizer tokenizer = MakeTokenizer();
  constexpr size_t kMaxTokens = 4096;  // checking all of the text at each token is quadratic
  if (size > kMaxTokens) return 0;
  std::vector<int32_t> ids(data, data + size);
  const auto split = std::find(ids.begin(), ids.end(), 0xFF);
  const std::vector<int32_t> prompt(ids.begin(), split);
  const std::vector<int32_t> reply(split == ids.end() ? split : split + 1, ids.end());

  Seen seen;
  ReplyParser parser(tokenizer, prompt);
  for (const int32_t id : reply) seen.Take(parser.Push(id));
  seen.Take(parser.Finish());
  const Reply whole = ParseReply(tokenizer, prompt, reply);
  FACET_CHECK(whole.reasoning == seen.reasoning && whole.answer == seen.answer);
  FACET_CHECK(whole.tool_calls.size() == seen.calls && whole.broken_calls.size() == seen.broken);
  return 0;
}
