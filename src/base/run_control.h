// How long work reports and is stopped.
#pragma once

#include <functional>

#include "base/progress.h"
#include "base/result.h"

namespace facet {

struct RunControl {
  ProgressFn progress = {};              ///< may be empty
  std::function<bool()> cancelled = {};  ///< may be empty; polled between pieces of work

  void Report(std::string_view stage, int64_t done, int64_t total, std::string_view unit) const {
    if (progress) progress(stage, done, total, unit);
  }

  /// Whether the caller wants the work to stop.
  bool Cancelled() const { return cancelled && cancelled(); }

  /// kCancelled once the caller wants the work to stop, for work that then leaves nothing behind.
  Result<void> Check() const {
    if (Cancelled()) return Fail(ErrorCode::kCancelled, "stopped; nothing was written");
    return {};
  }
};

}  // namespace facet
