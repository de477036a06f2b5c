// Ctrl-C, or a polite kill, as a flag that work looks at, so that it can end cleanly.
#pragma once

#include <atomic>

#include "base/run_control.h"

namespace facet::cli {

/// While one lives, the first SIGINT or SIGTERM sets its flag and the second ends the program, as
/// it would without. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  const std::atomic<bool>& interrupted() const;
};

/// Work that shows its progress as TerminalProgress() does and that `interrupt`, which must outlive
/// it, stops.
RunControl TerminalControl(const InterruptGuard& interrupt);

}  // namespace facet::cli
