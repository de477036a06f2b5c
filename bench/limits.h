// What this machine can do at most: the yardsticks of the benchmarks. Measured right before each
// benchmark with the same threads, because the speed of a shared machine drifts.
#pragma once

#include <cstdint>

namespace facet::bench {

/// Bytes a second that `threads` threads read from a buffer far larger than the caches, 2^30 bytes,
/// best of some passes.
double ReadBandwidth(int threads);

/// Float operations a second of `threads` threads with independent fused multiply-adds (2 each) in
/// the widest registers, best of some passes.
double FloatPeak(int threads);

}  // namespace facet::bench
