// One case of a speed measurement, ready to be repeated: its cache, its buffers, its tokens.
// Internal to speed/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "model/model.h"
#include "speed/measure.h"

namespace facet {

/// What runs share.
struct RunContext {
  const Model& model;
  ActivationMode mode;
  int64_t chunk;
  const std::atomic<bool>& cancelled;
  const std::function<void(int64_t tokens)>& on_tokens;  ///< after each step of Once()
};

class SpeedRun {
 public:
  virtual ~SpeedRun() = default;
  /// What must happen once before times mean something.
  virtual Result<void> WarmUp() = 0;
  /// Seconds of one repetition. kCancelled after `cancelled` was set.
  virtual Result<double> Once() = 0;
};

/// The cache that a run of `what` takes.
KvCacheOptions CacheOptionsOf(const SpeedCase& what, int64_t chunk);

/// Throws std::bad_alloc where memory does not suffice after all.
std::unique_ptr<SpeedRun> MakeRun(const RunContext& context, const SpeedCase& what);

}  // namespace facet
