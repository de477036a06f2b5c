// What this machine's processor and memory can do at most: what speeds are compared with.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "tensor/buffer.h"

namespace facet {

/// Reads memory and multiplies at full speed on `threads` threads, and tells how long it took.
/// Programs that measure take turns with it, so that a disturbance of the machine hits both alike.
class Yardstick {
 public:
  explicit Yardstick(int threads);

  /// Seconds to read `bytes` that no cache holds. Small amounts are worked out from 16 MiB.
  double ReadSeconds(int64_t bytes);

  /// Seconds for `operations` float operations, two for a fused multiply-add, in the widest
  /// registers with nothing else to do. Worked out from about half a millisecond.
  double MultiplySeconds(double operations);

  /// The same for products of whole numbers of 8 bits, added in 16: the instructions of the NVFP4
  /// kernels (nvfp4_product-inl.h), two operations for a product and its addition.
  double MultiplyBytesSeconds(double operations);

 private:
  template <typename Body>
  double SecondsFor(double operations, const Body& body);

  ThreadPool pool_;
  Buffer memory_;
  int64_t position_ = 0;
};

}  // namespace facet
