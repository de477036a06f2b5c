#include "eval/windows.h"

#include <algorithm>

namespace facet {
namespace {

Result<void> CheckProtocol(const ScoringProtocol& protocol) {
  const auto prefix = static_cast<int64_t>(protocol.prefix.size());
  const int64_t least = std::max<int64_t>(2, prefix + 1);
  if (protocol.context < least) {
    return Fail(ErrorCode::kUsage, "a context of {} tokens: expected {} or more", protocol.context,
                least);
  }
  if (protocol.stride < 0 || protocol.stride > protocol.window_text()) {
    return Fail(ErrorCode::kUsage, "a stride of {} tokens: expected 1 to {}, the text of a window",
                protocol.stride, protocol.window_text());
  }
  return {};
}

std::vector<ScoringWindow> WindowsAlone(int64_t tokens, const ScoringProtocol& protocol) {
  const int64_t text = protocol.window_text();
  const int64_t unscored = protocol.prefix.empty() ? 1 : 0;
  std::vector<ScoringWindow> windows;
  for (int64_t begin = 0; begin + protocol.context < tokens; begin += text) {
    windows.push_back({begin, begin + text, begin + unscored});
  }
  if (windows.empty() && tokens > unscored) {
    windows.push_back({0, std::min(tokens, text), unscored});
  }
  return windows;
}

std::vector<ScoringWindow> OverlappingWindows(int64_t tokens, const ScoringProtocol& protocol) {
  std::vector<ScoringWindow> windows;
  int64_t scored = protocol.prefix.empty() ? 1 : 0;
  for (int64_t begin = 0; scored < tokens; begin += protocol.stride) {
    const int64_t end = std::min(begin + protocol.window_text(), tokens);
    windows.push_back({begin, end, scored});
    scored = end;
  }
  return windows;
}

}  // namespace

Result<std::vector<ScoringWindow>> CutWindows(int64_t tokens, const ScoringProtocol& protocol) {
  FACET_RETURN_IF_ERROR(CheckProtocol(protocol));
  const bool alone = protocol.stride == 0 || protocol.stride == protocol.window_text();
  std::vector<ScoringWindow> windows =
      alone ? WindowsAlone(tokens, protocol) : OverlappingWindows(tokens, protocol);
  if (windows.empty()) {
    return Fail(ErrorCode::kInvalidData, "a text of {} tokens leaves nothing to score", tokens);
  }
  return windows;
}

int64_t TokensScored(std::span<const ScoringWindow> windows) {
  int64_t tokens = 0;
  for (const ScoringWindow& window : windows) tokens += window.end - window.scored_from;
  return tokens;
}

}  // namespace facet
