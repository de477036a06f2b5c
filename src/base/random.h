// A counter-based random generator: the number at a position depends on the key and the position
// alone, so the same draw comes out whatever else is drawn, on every machine.
#pragma once

#include <cstdint>

namespace facet {

/// SplitMix64's finalizer (Steele, Lea, Flood 2014): a bijection of 64-bit integers with good
/// avalanche.
constexpr uint64_t MixBits(uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBu;
  x ^= x >> 31;
  return x;
}

/// 64 random bits for (seed, position).
constexpr uint64_t RandomBits(uint64_t seed, uint64_t position) {
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio, SplitMix64's increment
  return MixBits(MixBits(seed + kGolden) + (position + 1) * kGolden);
}

/// A number in [0, 1) with 53 random bits for (seed, position).
constexpr double RandomUnit(uint64_t seed, uint64_t position) {
  return static_cast<double>(RandomBits(seed, position) >> 11) * 0x1.0p-53;
}

}  // namespace facet
