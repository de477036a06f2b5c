#include "cli/answer.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "cli/json_text.h"
#include "cli/streams.h"
#include "text/stream_decoder.h"

namespace facet::cli {
namespace {

using nlohmann::ordered_json;

/// Thinking and tool calls on stderr.
class SideView {
 public:
  void Think(const std::string& text) {
    if (!thinking_) fmt::print(stderr, "[thinking]\n{}", terminal_ ? "\x1b[2m" : "");
    thinking_ = true;
    fmt::print(stderr, "{}", text);
  }
  void EndThinking() {
    if (thinking_) fmt::print(stderr, "{}\n[end of thinking]\n", terminal_ ? "\x1b[0m" : "");
    thinking_ = false;
  }
  void Call(const ToolCall& call) {
    EndThinking();
    fmt::print(stderr, "[tool call] {} {}\n", call.name, JsonLine(call.arguments));
  }
  void BrokenCall(const BrokenToolCall& call) {
    EndThinking();
    fmt::print(stderr, "[broken tool call] {} ({})\n", call.raw, call.problem);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool thinking_ = false;
};

/// Takes the tokens of an answer one by one: reads them, and shows what they complete.
class AnswerReader {
 public:
  AnswerReader(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
               std::span<const int32_t> stop_tokens, const AnswerOptions& options)
      : parser_(tokenizer, prompt),
        decoder_(tokenizer),
        stop_tokens_(stop_tokens),
        options_(options) {}

  /// False if the text cannot be written.
  bool Take(int32_t id) {
    if (!options_.raw) return TakeAll(parser_.Push(id));
    const bool stop = std::find(stop_tokens_.begin(), stop_tokens_.end(), id) != stop_tokens_.end();
    return stop || TakeText(decoder_.Push(id));
  }

  bool Finish() {
    const bool written = options_.raw ? TakeText(decoder_.Finish()) : TakeAll(parser_.Finish());
    if (options_.stream) view_.EndThinking();
    return written && EndLine();
  }

  Reply TakeReply() { return std::move(reply_); }

 private:
  bool TakeAll(std::vector<ReplyEvent> events) {
    return std::all_of(events.begin(), events.end(), [this](ReplyEvent& event) {
      return std::visit([this](auto& part) { return TakePart(part); }, event);
    });
  }
  bool TakePart(ReasoningText& part) {
    if (options_.stream) view_.Think(part.text);
    reply_.reasoning += part.text;
    return true;
  }
  bool TakePart(AnswerText& part) { return TakeText(part.text); }
  bool TakePart(CalledTool& part) {
    if (options_.stream) view_.Call(part.call);
    reply_.tool_calls.push_back(std::move(part.call));
    return true;
  }
  bool TakePart(BrokenToolCall& part) {
    if (options_.stream) view_.BrokenCall(part);
    reply_.broken_calls.push_back(std::move(part));
    return true;
  }
  bool TakeText(const std::string& text) {
    reply_.answer += text;
    if (!options_.stream || text.empty()) return true;
    view_.EndThinking();
    return WriteNow(text);
  }
  /// Ends the answer's line. Raw text gets nothing that the model did not write, except on a
  /// terminal.
  bool EndLine() {
    const bool ended = reply_.answer.empty() || reply_.answer.back() == '\n';
    if (!options_.stream || ended) return true;
    return (options_.raw && ::isatty(STDOUT_FILENO) == 0) || WriteNow("\n");
  }

  ReplyParser parser_;
  StreamDecoder decoder_;
  std::span<const int32_t> stop_tokens_;
  AnswerOptions options_;
  SideView view_;
  Reply reply_;
};

double Rate(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

/// Tokens after the first a second: what decoding reached, the prompt's cost left out.
double DecodeRate(const Generation& generation) {
  return Rate(static_cast<int64_t>(generation.tokens.size()) - 1, generation.decode_seconds);
}

double PrefillRate(const Generation& generation) {
  return Rate(generation.prompt_tokens - generation.reused_tokens, generation.prefill_seconds);
}

ordered_json ScoresJson(const Session& session, const Generation& generation) {
  ordered_json list = ordered_json::array();
  const auto entry = [&session](const TokenScore& score) {
    // A token may be a part of a character, which JSON text cannot hold; its bytes can.
    const std::string bytes = session.tokenizer().TokenBytes(score.id);
    return ordered_json{{"id", score.id},
                        {"bytes", std::vector<uint8_t>(bytes.begin(), bytes.end())},
                        {"logprob", score.logprob}};
  };
  for (const GeneratedToken& token : generation.tokens) {
    ordered_json item = entry(token.scores.front());
    item["top"] = ordered_json::array();
    for (size_t i = 1; i < token.scores.size(); ++i) item["top"].push_back(entry(token.scores[i]));
    list.push_back(std::move(item));
  }
  return list;
}

ordered_json CallsJson(const Reply& reply) {
  ordered_json calls = ordered_json::array();
  for (const ToolCall& call : reply.tool_calls) {
    calls.push_back({{"name", call.name}, {"arguments", call.arguments}});
  }
  return calls;
}

ordered_json TimingsJson(const Generation& generation) {
  return {{"prefill_seconds", generation.prefill_seconds},
          {"decode_seconds", generation.decode_seconds},
          {"prompt_tokens_per_second", PrefillRate(generation)},
          {"tokens_per_second", DecodeRate(generation)}};
}

ordered_json SamplingJson(const SamplingParams& sampling) {
  return {{"temperature", sampling.temperature},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"seed", sampling.seed}};
}

}  // namespace

Result<Answer> MakeAnswer(const Session& session, Generator& generator, Prompt prompt,
                          const GenerationParams& params, const AnswerOptions& options,
                          const std::atomic<bool>& cancelled) {
  AnswerReader reader(session.tokenizer(), prompt.tokens, params.stop_tokens, options);
  bool written = true;
  FACET_TRY(
      Generation generation,
      generator.Generate(
          std::move(prompt), params,
          [&](const GeneratedToken& token) { return written = reader.Take(token.id); }, cancelled));
  written = written && reader.Finish();
  if (!written) return tl::unexpected<Error>(OutputError());
  return Answer{std::move(generation), reader.TakeReply()};
}

std::string FinishReasonOf(const Answer& answer) {
  const FinishReason reason = answer.generation.finish_reason;
  if (reason == FinishReason::kStop && !answer.reply.tool_calls.empty()) return "tool_calls";
  return std::string(NameOf(reason));
}

std::string Statistics(const Session& session, const Answer& answer) {
  const Generation& generation = answer.generation;
  std::string reused;
  if (generation.reused_tokens > 0) {
    reused = fmt::format(" ({} still known)", generation.reused_tokens);
  }
  return fmt::format(
      "{} prompt tokens{}, first token after {:.2f} s; {} tokens, {:.1f} tokens/s; finish {}; "
      "activations {}, backend {}",
      generation.prompt_tokens, reused, generation.prefill_seconds, generation.tokens.size(),
      DecodeRate(generation), FinishReasonOf(answer), NameOf(session.activations()),
      session.model().backend().name());
}

ordered_json ToJson(const Session& session, const Answer& answer, const GenerationParams& params) {
  const Generation& generation = answer.generation;
  std::vector<int32_t> ids;
  ids.reserve(generation.tokens.size());
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  ordered_json document = {
      {"text", answer.reply.answer},
      {"reasoning", answer.reply.reasoning},
      {"tool_calls", CallsJson(answer.reply)},
      {"finish_reason", FinishReasonOf(answer)},
      {"tokens", ids},
      {"usage",
       {{"prompt_tokens", generation.prompt_tokens},
        {"reused_tokens", generation.reused_tokens},
        {"completion_tokens", generation.tokens.size()}}},
      {"timings", TimingsJson(generation)},
      {"sampling", SamplingJson(params.sampling)},
      {"activations", NameOf(session.activations())},
      {"backend", session.model().backend().name()},
  };
  for (const BrokenToolCall& call : answer.reply.broken_calls) {
    document["broken_tool_calls"].push_back({{"text", call.raw}, {"problem", call.problem}});
  }
  if (params.top_logprobs) document["logprobs"] = ScoresJson(session, generation);
  return document;
}

}  // namespace facet::cli
