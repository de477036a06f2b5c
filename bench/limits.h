// What this machine can do at most: the yardsticks of the benchmarks.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "tensor/buffer.h"

namespace facet::bench {

/// Reads memory and multiplies at full speed on `threads` threads, and tells how long it took. The
/// benchmarks take turns with it, so that a disturbance of the machine hits both alike.
class Yardstick {
 public:
  explicit Yardstick(int threads);

  /// Seconds to read `bytes` that no cache holds. Small amounts are worked out from 16 MiB.
  double ReadSeconds(int64_t bytes);

  /// Seconds for `operations` float operations, two for a fused multiply-add, in the widest
  /// registers with nothing else to do. Worked out from about half a millisecond.
  double MultiplySeconds(double operations);

 private:
  ThreadPool pool_;
  Buffer memory_;
  int64_t position_ = 0;
};

}  // namespace facet::bench
