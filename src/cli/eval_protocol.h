// The options that say how a text is scored, and the text itself; the same for every measure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/result.h"
#include "engine/session.h"
#include "eval/windows.h"

namespace facet::cli {

struct ProtocolFlags {
  std::string text;
  std::optional<int64_t> context;
  std::optional<int64_t> stride;
  std::optional<bool> bos;
  std::string framing = "raw";

  /// --text, --context, --stride, --bos and --no-bos, --framing.
  void AddTo(CLI::App& command);
};

/// A text with everything that a report states about how it is scored.
struct ScoredText {
  std::vector<int32_t> tokens;
  ScoringProtocol protocol;
  int64_t windows = 0;
  int64_t to_score = 0;  ///< tokens that the windows score
  bool bos = false;
  std::string framing;
  std::vector<std::string> warnings;  ///< what a reader of the numbers should know
};

/// Reads and tokenizes the text, nothing in it being a control token, and completes the protocol
/// for the session's model.
Result<ScoredText> PrepareText(const Session& session, const ProtocolFlags& flags);

/// "3,825 tokens scored in 15 windows of 256, each alone, BOS in front, raw text"
std::string Describe(const ScoredText& text, int64_t tokens_scored);

/// The protocol's keys of a JSON report.
void AddProtocol(const ScoredText& text, nlohmann::ordered_json& report);

}  // namespace facet::cli
