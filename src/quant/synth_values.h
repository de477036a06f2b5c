// The numbers of a synthetic checkpoint: each follows from the seed, its tensor's name and its
// index alone, in integer arithmetic and single IEEE roundings, so that every machine and every
// number of threads makes the same bytes. docs/synth.md states the formulas for other
// implementations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace facet {

/// The key of a tensor's stream: RandomBits(seed, FNV-1a 64 of the name).
uint64_t SynthKey(uint64_t seed, std::string_view name);

/// Variance of SynthBell(): four times (2^32 - 1) / 12, an integer.
inline constexpr int64_t kSynthBellVariance = 1'431'655'765;

/// A whole number in [-131070, 131070] of nearly normal distribution and mean 0: the sum of the
/// four 16-bit parts of `bits`, minus 131070.
constexpr int32_t SynthBell(uint64_t bits) {
  const uint64_t pairs = (bits & 0x0000'FFFF'0000'FFFFu) + ((bits >> 16) & 0x0000'FFFF'0000'FFFFu);
  return static_cast<int32_t>((pairs & 0xFFFF'FFFFu) + (pairs >> 32)) - 131070;
}

/// floor(sqrt(value)), exactly.
uint64_t IntegerRoot(uint64_t value);

/// value = BF16(f32(offset + bell) x scale): `offset` below 2^23, so that the sum is exact in f32.
struct SynthDistribution {
  int32_t offset = 0;
  float scale = 1;
  bool operator==(const SynthDistribution&) const = default;
};

/// A single number of a stream, before its rounding to BF16.
float SynthNumber(uint64_t key, uint64_t index, SynthDistribution distribution);

/// Elements [first, first + out.size()) of a BF16 tensor.
void FillSynthBf16(uint64_t key, SynthDistribution distribution, int64_t first,
                   std::span<uint16_t> out);

/// Packed E2M1 codes of the blocks of 16 values from `first_block` on, 8 bytes a block; out.size()
/// is a multiple of 8. All 16 codes occur, as often as in blocks of normal values whose largest
/// magnitude is 6.
void FillSynthCodes(uint64_t key, int64_t first_block, std::span<uint8_t> out);

/// E4M3 scales of the blocks from `first_block` on: 0x60 to 0x7E (32 to 448) with the middle most
/// often, and for one block in 256 any scale from 0x01 to 0x7E. Never 0 and never NaN.
void FillSynthBlockScales(uint64_t key, int64_t first_block, std::span<uint8_t> out);

/// Mean square of the values of FillSynthCodes(), times 8: 63 / 8 = 7.875.
inline constexpr int64_t kSynthCodeSquare8 = 63;
/// Mean square of the scales of FillSynthBlockScales(), the one in 256 left out, times 256.
inline constexpr int64_t kSynthScaleSquare256 = 6'980'800;

}  // namespace facet
