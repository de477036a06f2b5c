// One answer: generated, shown while it is made, and taken apart; the same for run and chat.
#pragma once

#include <atomic>
#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "engine/generator.h"
#include "engine/session.h"
#include "prompt/reply_parser.h"

namespace facet::cli {

/// How an answer is read and shown.
struct AnswerOptions {
  /// The tokens' text as it is, control tokens by their names, except the stop token. Otherwise
  /// the reply's parts: answer, thinking, tool calls.
  bool raw = false;
  /// Show it while it is made: the answer on standard output; thinking and tool calls on stderr,
  /// thinking between the lines "[thinking]" and "[end of thinking]", dimmed on a terminal.
  bool stream = true;
};

struct Answer {
  Generation generation;
  Reply reply;  ///< raw: the whole text is in `answer`
};

/// Answers `prompt`. kIo if the text cannot be written.
Result<Answer> MakeAnswer(const Session& session, Generator& generator, Prompt prompt,
                          const GenerationParams& params, const AnswerOptions& options,
                          const std::atomic<bool>& cancelled);

/// "stop", "length", "cancelled", or "tool_calls" for a stop after complete tool calls.
std::string FinishReasonOf(const Answer& answer);

/// One line for people: token counts, time to first token, tokens per second, mode, backend.
std::string Statistics(const Session& session, const Answer& answer);

/// The answer as `--json` prints it; docs/operations.md lists the keys.
nlohmann::ordered_json ToJson(const Session& session, const Answer& answer,
                              const GenerationParams& params);

}  // namespace facet::cli
