// NVFP4 weight rows in registers, chunk by chunk, and the activations that they meet, for
// nvfp4_product-inl.h. Included once per target, as Highway's own -inl.h files.
//
// A chunk is N scale blocks of a row, N the float lanes: two vectors of packed codes, whose low
// nibbles are the even weights. Each lane has one block (LaneBlock says which).
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "tensor/e2m1.h"
#include "tensor/nvfp4.h"

#ifndef FACET_KERNELS_CPU_NVFP4_CHUNK_CONSTANTS_
#define FACET_KERNELS_CPU_NVFP4_CHUNK_CONSTANTS_
namespace facet {

inline constexpr int kCodeBias = 12;  // the largest doubled code

/// Doubled codes plus the bias, by code.
alignas(16) inline constexpr auto kBiasedCodes = [] {
  std::array<int8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<int8_t>(kE2m1Doubled[i] + kCodeBias);
  }
  return bytes;
}();

/// The block of a chunk that lane `lane` of `lanes` has. Of four neighbouring lanes two have blocks
/// of the first vector of codes, two of the second: what one shuffle within 16 bytes can do.
constexpr int64_t LaneBlock(int64_t lanes, int64_t lane) {
  const int64_t of_second = lane % 4 / 2;
  return of_second * lanes / 2 + lane / 4 * 2 + lane % 2;
}

/// Shuffle that moves the block scales of kLanes lanes to the upper halves of 16 bits; an index of
/// 0x80 gives zero.
template <int64_t kLanes>
alignas(32) inline constexpr auto kScaleSpread = [] {
  std::array<uint8_t, 2 * kLanes> indices{};
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    indices[static_cast<size_t>(2 * lane)] = 0x80;
    indices[static_cast<size_t>(2 * lane + 1)] = static_cast<uint8_t>(LaneBlock(kLanes, lane));
  }
  return indices;
}();

}  // namespace facet
#endif

#if defined(FACET_KERNELS_CPU_NVFP4_CHUNK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_NVFP4_CHUNK_INL_H_
#undef FACET_KERNELS_CPU_NVFP4_CHUNK_INL_H_
#else
#define FACET_KERNELS_CPU_NVFP4_CHUNK_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using U8 = hn::ScalableTag<uint8_t>;
using I8 = hn::ScalableTag<int8_t>;
using I16 = hn::ScalableTag<int16_t>;
using I32 = hn::ScalableTag<int32_t>;
using F = hn::ScalableTag<float>;
using VF = hn::Vec<F>;
constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
constexpr int64_t kChunk = kNvfp4Block * kLanes;

/// The weights of a block in the order of their codes: those of its first four bytes and of its
/// last four, of each the low nibbles and the high ones.
constexpr int kQuarters = 4;

/// One chunk of an activation row: a value is sum over d of digit[d] 256^d, times its lane's scale.
/// Lane l has the bytes [4 l, 4 (l + 1)) of each quarter: first even, first odd, last even, last
/// odd.
template <int kDigits>
struct ActivationChunk {
  int8_t digits[kDigits][kQuarters][4 * kLanes];
  int32_t bias[kLanes];  ///< kCodeBias x the sum of the lane's 16 values
  float scales[kLanes];
};

constexpr int64_t ChunksOf(int64_t cols) { return (cols + kChunk - 1) / kChunk; }

/// The first or the last four bytes of each eight of two vectors: what LaneBlock says.
template <bool kLast>
HWY_INLINE hn::Vec<U8> HalfBlocks(hn::Vec<U8> a, hn::Vec<U8> b) {
  constexpr int kPick = kLast ? 0xDD : 0x88;
  const F d;
#if HWY_TARGET <= HWY_AVX3
  return hn::BitCast(U8(),
                     VF{_mm512_shuffle_ps(hn::BitCast(d, a).raw, hn::BitCast(d, b).raw, kPick)});
#else
  return hn::BitCast(U8(),
                     VF{_mm256_shuffle_ps(hn::BitCast(d, a).raw, hn::BitCast(d, b).raw, kPick)});
#endif
}

/// A chunk's block scales x 2^-8, exactly, each in the lane of its block: the byte's bits read as a
/// half-precision number, whose exponent bias is 8 larger.
HWY_INLINE VF DecodeScales(const uint8_t* scales) {
  const hn::Rebind<int16_t, F> d16;
  const hn::Rebind<hwy::float16_t, F> half;
  const hn::Repartition<uint8_t, decltype(d16)> d8;
#if HWY_TARGET <= HWY_AVX3
  const hn::CappedTag<uint8_t, 16> d16_bytes;
  const hn::Vec<decltype(d8)> bytes{_mm256_broadcastsi128_si256(hn::LoadU(d16_bytes, scales).raw)};
#else
  int64_t packed;
  std::memcpy(&packed, scales, sizeof(packed));
  const hn::Vec<decltype(d8)> bytes{_mm_cvtsi64_si128(packed)};
#endif
  const auto spread = hn::TableLookupBytes(bytes, hn::Load(d8, kScaleSpread<kLanes>.data()));
  // s eeee mmm 0000 0000 -> s 0 eeee mmm 000 0000.
  const auto shifted = hn::ShiftRight<1>(hn::BitCast(d16, spread));
  const auto bits = hn::And(shifted, hn::Set(d16, static_cast<int16_t>(0xBFFF)));
  return hn::PromoteTo(F(), hn::BitCast(half, bits));
}

/// Codes of a chunk, one a byte, by quarter.
struct ChunkCodes {
  hn::Vec<U8> quarters[kQuarters];
};

HWY_INLINE ChunkCodes LoadCodes(const uint8_t* codes) {
  const hn::ScalableTag<uint16_t> d16;
  const auto mask = hn::Set(U8(), uint8_t{0x0F});
  const auto a = hn::LoadU(U8(), codes);
  const auto b = hn::LoadU(U8(), codes + hn::Lanes(U8()));
  const auto first = HalfBlocks<false>(a, b);
  const auto last = HalfBlocks<true>(a, b);
  const auto high = [&](hn::Vec<U8> bytes) {
    return hn::And(hn::BitCast(U8(), hn::ShiftRight<4>(hn::BitCast(d16, bytes))), mask);
  };
  return {{hn::And(first, mask), high(first), hn::And(last, mask), high(last)}};
}

/// The value of each code in a table of 16 bytes.
HWY_INLINE hn::Vec<I8> LookUp(const std::array<int8_t, 16>& table, hn::Vec<U8> codes) {
  return hn::TableLookupBytes(hn::LoadDup128(I8(), table.data()), hn::BitCast(I8(), codes));
}

/// A chunk of a weight row in registers.
struct WeightChunk {
  hn::Vec<U8> quarters[kQuarters];  // doubled codes + kCodeBias
  VF scales;                        // x 2^-8
};

HWY_INLINE WeightChunk DecodeWeights(const uint8_t* codes, const uint8_t* scales) {
  const ChunkCodes loaded = LoadCodes(codes);
  const auto biased = [&](int q) {
    return hn::BitCast(U8(), LookUp(kBiasedCodes, loaded.quarters[q]));
  };
  return {{biased(0), biased(1), biased(2), biased(3)}, DecodeScales(scales)};
}

/// Chunk `chunk` of row n; a shorter last one is filled up with scales of zero.
HWY_INLINE WeightChunk LoadWeights(const Nvfp4Matrix& weight, int64_t n, int64_t chunk) {
  const uint8_t* codes = weight.codes + n * weight.cols / 2 + chunk * kChunk / 2;
  const uint8_t* scales =
      weight.block_scales + n * weight.cols / kNvfp4Block + chunk * kChunk / kNvfp4Block;
  const int64_t count = weight.cols - chunk * kChunk;
  if (count >= kChunk) return DecodeWeights(codes, scales);
  uint8_t padded_codes[kChunk / 2] = {};
  uint8_t padded_scales[kChunk / kNvfp4Block] = {};
  std::copy_n(codes, count / 2, padded_codes);
  std::copy_n(scales, count / kNvfp4Block, padded_scales);
  return DecodeWeights(padded_codes, padded_scales);
}

/// Asks the memory for the codes that are `ahead` bytes behind a chunk. The end of the matrix does
/// not matter: prefetches do not fault. The scales, an eighth of the bytes, come in time by the
/// processor's own prefetch; asking for them too costs more than it gains.
HWY_INLINE void PrefetchWeights(const Nvfp4Matrix& weight, int64_t n, int64_t chunk,
                                int64_t ahead) {
  const int64_t offset = n * weight.cols / 2 + chunk * kChunk / 2 + ahead;
  hwy::Prefetch(weight.codes + offset);
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
