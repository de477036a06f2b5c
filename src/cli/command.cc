#include "cli/command.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>

#include <unistd.h>

namespace facet::cli {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Duration(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

struct ProgressState {
  bool terminal = ::isatty(STDERR_FILENO) == 1;
  std::string stage;
  Clock::time_point started = Clock::now();
  Clock::time_point printed = Clock::now();
  bool shown = false;  // has this stage printed anything yet?
  bool line_open = false;
};

void Print(ProgressState& state, std::string_view stage, int64_t done, int64_t total,
           std::string_view unit) {
  const double elapsed = Seconds(Clock::now() - state.started);
  const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
  const std::string text = fmt::format(
      "{}: {}/{} {} ({:.0f} %), {:.3g} {}/s, {} left", stage, done, total, unit,
      100.0 * static_cast<double>(done) / static_cast<double>(total), rate, unit, Duration(left));
  fmt::print(stderr, "{}{}{}", state.terminal ? "\r\x1b[K" : "", text, state.terminal ? "" : "\n");
  state.line_open = state.terminal;
  state.printed = Clock::now();
}

}  // namespace

ExitCode ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return kExitUsage;
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kIo:
      return kExitIo;
    case ErrorCode::kInvalidData:
      return kExitInvalidData;
    case ErrorCode::kUnsupported:
      return kExitUnsupported;
    case ErrorCode::kResource:
      return kExitResource;
    case ErrorCode::kCancelled:
      return kExitCancelled;
  }
  return kExitUsage;
}

ProgressFn TerminalProgress() {
  return [state = std::make_shared<ProgressState>()](std::string_view stage, int64_t done,
                                                     int64_t total, std::string_view unit) {
    if (stage != state->stage) {
      state->stage = stage;
      state->started = state->printed = Clock::now();
      state->shown = false;
    }
    const double elapsed = Seconds(Clock::now() - state->started);
    const double since = Seconds(Clock::now() - state->printed);
    const double interval = state->terminal ? 0.2 : 10;
    if (total <= 0) return;
    const bool due = state->shown ? since >= interval : elapsed >= 2;
    if (done < total && due) {
      Print(*state, stage, done, total, unit);
      state->shown = true;
    }
    if (done >= total && state->line_open) {
      fmt::print(stderr, "\r\x1b[K");
      state->line_open = false;
    }
  };
}

}  // namespace facet::cli
