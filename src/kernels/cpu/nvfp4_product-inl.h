// The product of NVFP4 weight rows with activations in whole numbers, for W4A16 (linear_nvfp4.cc,
// three digits a value) and W4A4 (linear_w4a4.cc, one digit: the doubled code). Included once per
// target, as Highway's own -inl.h files.
//
// A chunk is N scale blocks of a row, N the float lanes: two vectors of packed codes, whose low
// nibbles are the even weights. Each lane has one block (LaneBlock says which). The sum of its 16
// products is an exact integer; it becomes a float, is multiplied by both scales and added to the
// lane's sum: lane by lane in the order of the chunks, then the lanes, whatever the number of
// tokens or rows that are multiplied together.
//
// The multiply instruction takes an unsigned and a signed byte: doubled codes are biased by 12, and
// 12 times the sum of the activations is taken off again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "tensor/e2m1.h"
#include "tensor/matrix.h"
#include "tensor/nvfp4.h"

#ifndef FACET_KERNELS_CPU_NVFP4_PRODUCT_CONSTANTS_
#define FACET_KERNELS_CPU_NVFP4_PRODUCT_CONSTANTS_
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

inline constexpr int64_t kProductTokens = 4;  ///< tokens that share a decoded weight
inline constexpr int64_t kProductRows = 16;   ///< rows that use a panel of activations in the cache
/// Bytes of codes that a token alone asks for in advance: 0.4 us at 10 GB/s, and the next page, at
/// whose edge the processor's own prefetch stops.
inline constexpr int64_t kAheadBytes = 4096;
inline constexpr int64_t kPanelBytes = 2048;  ///< of one token's activations

}  // namespace facet
#endif

#if defined(FACET_KERNELS_CPU_NVFP4_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_NVFP4_PRODUCT_INL_H_
#undef FACET_KERNELS_CPU_NVFP4_PRODUCT_INL_H_
#else
#define FACET_KERNELS_CPU_NVFP4_PRODUCT_INL_H_
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

/// Products of neighbouring bytes, added in pairs: at most 2 x 24 x 128, far from saturation.
HWY_INLINE hn::Vec<I16> PairProducts(hn::Vec<U8> a, hn::Vec<I8> b) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<I16>{_mm512_maddubs_epi16(a.raw, b.raw)};
#else
  return hn::Vec<I16>{_mm256_maddubs_epi16(a.raw, b.raw)};
#endif
}

/// Neighbouring 16-bit numbers times `factor`, added in pairs.
HWY_INLINE hn::Vec<I32> PairSums(hn::Vec<I16> a, int16_t factor) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<I32>{_mm512_madd_epi16(a.raw, _mm512_set1_epi16(factor))};
#else
  return hn::Vec<I32>{_mm256_madd_epi16(a.raw, _mm256_set1_epi16(factor))};
#endif
}

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

/// Per lane, the products of 16 bytes (at most 24) with digit d, times factor. Sums of eight stay
/// below 8 x 24 x 128 < 2^15.
template <int kDigits>
HWY_INLINE hn::Vec<I32> DigitSum(const hn::Vec<U8> (&bytes)[kQuarters],
                                 const ActivationChunk<kDigits>& x, int d, int16_t factor) {
  const auto products = [&](int q) {
    return PairProducts(bytes[q], hn::Load(I8(), x.digits[d][q]));
  };
  return PairSums(hn::Add(hn::Add(products(0), products(1)), hn::Add(products(2), products(3))),
                  factor);
}

/// Per lane, the sum of the 16 products of bytes and values, modulo 2^32.
template <int kDigits>
HWY_INLINE hn::Vec<I32> WholeSum(const hn::Vec<U8> (&bytes)[kQuarters],
                                 const ActivationChunk<kDigits>& x) {
  static_assert(kDigits == 1 || kDigits == 3);
  const auto lowest = DigitSum(bytes, x, 0, 1);
  if constexpr (kDigits == 1) {
    return lowest;
  } else {
    const auto middle = DigitSum(bytes, x, 1, 256);
    const auto highest = hn::ShiftLeft<16>(DigitSum(bytes, x, 2, 1));
    return hn::Add(hn::Add(lowest, middle), highest);
  }
}

/// kCodeBias times the sum of each lane's values.
template <int kDigits>
HWY_INLINE hn::Vec<I32> Bias(const ActivationChunk<kDigits>& x) {
  const auto bias = hn::Set(U8(), static_cast<uint8_t>(kCodeBias));
  const hn::Vec<U8> bytes[kQuarters] = {bias, bias, bias, bias};
  return WholeSum(bytes, x);
}

/// sum + the chunk's products, scaled. Less the bias, the sum of 16 is below 16 x 12 x 2^23 < 2^31.
template <int kDigits>
HWY_INLINE VF AddProducts(const WeightChunk& weight, const ActivationChunk<kDigits>& x, VF sum) {
  const auto whole = hn::Sub(WholeSum(weight.quarters, x), hn::Load(I32(), x.bias));
  const auto scales = hn::Mul(weight.scales, hn::Load(F(), x.scales));
  return hn::MulAdd(hn::ConvertTo(F(), whole), scales, sum);
}

/// sums[row][token] += the products of the chunks [first, end). A token's chunks are `x_stride`
/// apart. `ahead`: how many bytes of codes beyond the current ones to prefetch; 0: none.
template <int64_t kRows, int64_t kTokens, int kDigits>
HWY_INLINE void MultiplyTile(const Nvfp4Matrix& weight, int64_t n, int64_t first, int64_t end,
                             const ActivationChunk<kDigits>* x, int64_t x_stride, int64_t ahead,
                             float* sums) {
  VF totals[kRows * kTokens];
  for (int64_t i = 0; i < kRows * kTokens; ++i) totals[i] = hn::Load(F(), sums + i * kLanes);
  for (int64_t chunk = first; chunk < end; ++chunk) {
    for (int64_t r = 0; r < kRows; ++r) {
      const WeightChunk decoded = LoadWeights(weight, n + r, chunk);
      if (ahead != 0) PrefetchWeights(weight, n + r, chunk, ahead);
      for (int64_t t = 0; t < kTokens; ++t) {
        VF& total = totals[r * kTokens + t];
        total = AddProducts(decoded, x[t * x_stride + chunk], total);
      }
    }
  }
  for (int64_t i = 0; i < kRows * kTokens; ++i) hn::Store(totals[i], F(), sums + i * kLanes);
}

/// One token: rows one after the other while the activations stay in the first-level cache, else
/// four at a time, so that each activation that is read serves four.
template <int kDigits>
HWY_INLINE void MultiplyOneToken(const Nvfp4Matrix& weight, int64_t begin, int64_t end,
                                 const ActivationChunk<kDigits>* x, float (*sums)[kLanes]) {
  constexpr int64_t kRows = 4;
  constexpr int64_t kCacheBytes = 20480;
  const int64_t chunks = ChunksOf(weight.cols);
  int64_t n = begin;
  if (chunks * static_cast<int64_t>(sizeof(x[0])) > kCacheBytes) {
    for (; n + kRows <= end; n += kRows) {
      MultiplyTile<kRows, 1>(weight, n, 0, chunks, x, chunks, kRows * weight.cols / 2,
                             sums[n - begin]);
    }
  }
  for (; n < end; ++n) {
    MultiplyTile<1, 1>(weight, n, 0, chunks, x, chunks, kAheadBytes, sums[n - begin]);
  }
}

/// out[t][n] = factor x the sum over the lanes, for rows [begin, end), at most kProductRows.
template <int64_t kTokens, int kDigits>
void MultiplyTokens(const Nvfp4Matrix& weight, int64_t begin, int64_t end,
                    const ActivationChunk<kDigits>* x, float factor, Matrix out) {
  constexpr auto kPanel = kPanelBytes / static_cast<int64_t>(sizeof(ActivationChunk<kDigits>));
  const int64_t chunks = ChunksOf(weight.cols);
  alignas(64) float sums[kProductRows][kTokens * kLanes] = {};
  if constexpr (kTokens == 1) {
    MultiplyOneToken(weight, begin, end, x, sums);
  } else {
    for (int64_t first = 0; first < chunks; first += kPanel) {
      for (int64_t n = begin; n < end; ++n) {
        MultiplyTile<1, kTokens>(weight, n, first, std::min(chunks, first + kPanel), x, chunks, 0,
                                 sums[n - begin]);
      }
    }
  }
  for (int64_t n = begin; n < end; ++n) {
    for (int64_t t = 0; t < kTokens; ++t) {
      const VF lanes = hn::Load(F(), sums[n - begin] + t * kLanes);
      out.row(t)[n] = hn::GetLane(hn::SumOfLanes(F(), lanes)) * factor;
    }
  }
}

/// Rows [begin, end), at most kProductRows, for all tokens of `out`. x: [tokens, ChunksOf(cols)].
template <int kDigits>
void MultiplyRows(const Nvfp4Matrix& weight, int64_t begin, int64_t end,
                  const ActivationChunk<kDigits>* x, float factor, Matrix out) {
  for (int64_t t = 0; t < out.rows; t += kProductTokens) {
    const int64_t tokens = std::min(kProductTokens, out.rows - t);
    const ActivationChunk<kDigits>* rows = x + t * ChunksOf(weight.cols);
    const Matrix part = out.Rows(t, tokens);
    switch (tokens) {
      case 1:
        MultiplyTokens<1>(weight, begin, end, rows, factor, part);
        break;
      case 2:
        MultiplyTokens<2>(weight, begin, end, rows, factor, part);
        break;
      case 3:
        MultiplyTokens<3>(weight, begin, end, rows, factor, part);
        break;
      default:
        MultiplyTokens<kProductTokens>(weight, begin, end, rows, factor, part);
        break;
    }
  }
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
