// The product of NVFP4 weight rows with activations in whole numbers, for W4A16 (linear_nvfp4.cc,
// three digits a value) and W4A4 (linear_w4a4.cc, one digit: the doubled code). Included once per
// target, as Highway's own -inl.h files.
//
// A chunk (nvfp4_chunk-inl.h) has one block of 16 weights a lane. The sum of its 16 products is an
// exact integer; it becomes a float, is multiplied by both scales and added to the lane's sum: lane
// by lane in the order of the chunks, then the lanes, whatever the number of tokens or rows that
// are multiplied together.
//
// The multiply instruction takes an unsigned and a signed byte: doubled codes are biased by 12, and
// 12 times the sum of the activations is taken off again.
#include <algorithm>
#include <cstdint>

#include "tensor/matrix.h"
#include "tensor/nvfp4.h"

#ifndef FACET_KERNELS_CPU_NVFP4_PRODUCT_CONSTANTS_
#define FACET_KERNELS_CPU_NVFP4_PRODUCT_CONSTANTS_
namespace facet {

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

#include <hwy/highway.h>

#include "kernels/cpu/nvfp4_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

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
