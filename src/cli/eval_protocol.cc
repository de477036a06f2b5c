#include "cli/eval_protocol.h"

#include <algorithm>

#include "base/file.h"
#include "text/utf8.h"

namespace facet::cli {
namespace {

/// Far above any test set; a wrong file must not fill the memory.
constexpr size_t kMaxTextBytes = size_t{1} << 30;
/// Where the model allows it: the length that most published perplexities use.
constexpr int64_t kDefaultContext = 2048;
constexpr const char* kTurnOpening = "<|turn>model\n";

Result<int32_t> BosId(const Session& session) {
  if (const auto id = session.tokenizer().bos_id()) return *id;
  return Fail(ErrorCode::kUnsupported, "--bos: the tokenizer has no token that begins a text");
}

/// The tokens in front of every window.
Result<std::vector<int32_t>> Prefix(const Session& session, bool bos, const std::string& framing) {
  std::vector<int32_t> prefix;
  if (bos) {
    FACET_TRY(const int32_t id, BosId(session));
    prefix.push_back(id);
  }
  if (framing == "model-turn") {
    const std::vector<int32_t> opening = session.tokenizer().Encode(kTurnOpening);
    prefix.insert(prefix.end(), opening.begin(), opening.end());
  }
  return prefix;
}

/// An instruction model comes with a chat template of its own.
bool HasChatTemplate(const Session& session) {
  std::error_code ignored;
  return std::filesystem::exists(session.checkpoint().folder() / "chat_template.jinja", ignored);
}

std::vector<std::string> Warnings(const Session& session, bool bos, const std::string& framing) {
  std::vector<std::string> warnings;
  if (framing == "raw" && HasChatTemplate(session)) {
    warnings.emplace_back(
        "raw text on an instruction model (it has a chat template): the perplexity says little "
        "about its answers and compares only with runs of the same protocol; see --framing "
        "model-turn");
  }
  if (!bos) {
    warnings.emplace_back(
        "no BOS in front of the windows: Gemma models were trained with it and predict much worse "
        "without");
  }
  return warnings;
}

}  // namespace

void ProtocolFlags::AddTo(CLI::App& command) {
  command.add_option("--text", text, "UTF-8 text file to score")->required();
  command
      .add_option("--context", context,
                  "Tokens of a window, BOS and framing included (default: 2048, or what the model "
                  "takes)")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--stride", stride,
                  "Text tokens between the starts of windows (default: a window's text, each "
                  "scored alone)")
      ->check(CLI::PositiveNumber);
  CLI::Option* with = command.add_flag_callback(
      "--bos", [this] { bos = true; },
      "Put BOS in front of every window (default, if the tokenizer has one)");
  command.add_flag_callback("--no-bos", [this] { bos = false; }, "Do not")->excludes(with);
  command
      .add_option("--framing", framing,
                  "raw, or model-turn: the text as an answer, behind \"<|turn>model\"")
      ->check(CLI::IsMember({"raw", "model-turn"}))
      ->capture_default_str();
}

Result<ScoredText> PrepareText(const Session& session, const ProtocolFlags& flags) {
  FACET_TRY(const std::string text, ReadFile(flags.text, kMaxTextBytes));
  if (!IsValidUtf8(text)) {
    return Fail(ErrorCode::kInvalidData, "{} is not valid UTF-8", flags.text);
  }
  ScoredText scored;
  scored.tokens = session.tokenizer().EncodeUntrusted(text);
  scored.bos = flags.bos.value_or(session.tokenizer().bos_id().has_value());
  scored.framing = flags.framing;
  FACET_TRY(scored.protocol.prefix, Prefix(session, scored.bos, flags.framing));
  scored.protocol.context =
      flags.context.value_or(std::min(kDefaultContext, session.config().max_positions));
  scored.protocol.stride = flags.stride.value_or(scored.protocol.window_text());
  FACET_TRY(const auto windows,
            CutWindows(static_cast<int64_t>(scored.tokens.size()), scored.protocol));
  scored.windows = static_cast<int64_t>(windows.size());
  scored.to_score = TokensScored(windows);
  scored.warnings = Warnings(session, scored.bos, flags.framing);
  return scored;
}

std::string Describe(const ScoredText& text, int64_t tokens_scored) {
  const ScoringProtocol& protocol = text.protocol;
  const std::string overlap = protocol.stride == protocol.window_text()
                                  ? "each scored alone"
                                  : fmt::format("{} text tokens apart", protocol.stride);
  return fmt::format("{} tokens scored in {} windows of {}, {}; {}; {}", tokens_scored,
                     text.windows, protocol.context, overlap, text.bos ? "BOS in front" : "no BOS",
                     text.framing == "raw" ? "raw text" : "as a model's turn");
}

void AddProtocol(const ScoredText& text, nlohmann::ordered_json& report) {
  report["text_tokens"] = text.tokens.size();
  report["windows"] = text.windows;
  report["context"] = text.protocol.context;
  report["stride"] = text.protocol.stride;
  report["bos"] = text.bos;
  report["framing"] = text.framing == "raw" ? "raw" : "model_turn";
  report["suppressed_tokens_applied"] = false;
  report["warnings"] = text.warnings;
}

}  // namespace facet::cli
