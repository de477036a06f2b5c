// The W4A4 product. ref/linear_w4a4.cc says what. The products of eight neighbouring codes add up
// exactly as integers; each such sum, times its two block scales (together exact as well), is added
// in float: lane by lane in the order of the chunks, then the lanes. One token and several do the
// same additions in the same order.
//
// A chunk is 8 N codes, N the float lanes of the processor; lane l holds the products of the codes
// [8 l, 8 (l + 1)), half a block. The multiply instruction wants an unsigned and a signed operand:
// weights are biased by 12, and 12 times the sum of the activations is taken off again.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_w4a4.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/nvfp4_decode-inl.h"

#ifndef FACET_KERNELS_CPU_LINEAR_W4A4_SIZES_
#define FACET_KERNELS_CPU_LINEAR_W4A4_SIZES_
namespace facet {
namespace {

constexpr int8_t kCodeBias = 12;      // the largest doubled code
constexpr int64_t kPanelChunks = 16;  // of an activation row, so that four tokens stay in the cache
constexpr int64_t kPanelRows = 16;    // rows that use them there
constexpr int64_t kTokenTile = 4;
constexpr int64_t kTokenBlock = 64;

}  // namespace
}  // namespace facet
#endif

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
constexpr int64_t kChunk = 8 * kLanes;

/// One chunk of an activation row, ready to be multiplied.
struct ActivationChunk {
  int8_t low[4 * kLanes];  // doubled even codes
  int8_t high[4 * kLanes];
  int32_t bias[kLanes];  // kCodeBias x the sum of the lane's doubled codes
  float scales[kLanes];  // of the lane's block
};

constexpr int64_t ChunksOf(int64_t cols) { return (cols + kChunk - 1) / kChunk; }

/// Products of neighbouring bytes, added in pairs: at most 2 x 24 x 12, far from saturation.
HWY_INLINE hn::Vec<I16> PairProducts(hn::Vec<U8> a, hn::Vec<I8> b) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<I16>{_mm512_maddubs_epi16(a.raw, b.raw)};
#else
  return hn::Vec<I16>{_mm256_maddubs_epi16(a.raw, b.raw)};
#endif
}

/// Neighbouring 16-bit numbers, added in pairs.
HWY_INLINE hn::Vec<I32> PairSums(hn::Vec<I16> a) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<I32>{_mm512_madd_epi16(a.raw, _mm512_set1_epi16(1))};
#else
  return hn::Vec<I32>{_mm256_madd_epi16(a.raw, _mm256_set1_epi16(1))};
#endif
}

/// Row `row` of the activations, chunk by chunk; zeros behind the end.
void DecodeActivations(const Nvfp4Matrix& x, int64_t row, void* memory) {
  auto* chunks = static_cast<ActivationChunk*>(memory);
  const uint8_t* codes = x.codes + row * x.cols / 2;
  const uint8_t* scales = x.block_scales + row * x.cols / kNvfp4Block;
  const auto bias = hn::Set(U8(), static_cast<uint8_t>(kCodeBias));
  for (int64_t begin = 0; begin < x.cols; begin += kChunk) {
    ActivationChunk& chunk = chunks[begin / kChunk];
    const int64_t count = std::min(kChunk, x.cols - begin);
    uint8_t padded[kChunk / 2] = {};
    std::memcpy(padded, codes + begin / 2, static_cast<size_t>(count / 2));
    const Nibbles nibbles = LoadNibbles(padded);
    const auto table = hn::LoadDup128(U8(), kDoubledCodes.data());
    const auto low = hn::BitCast(I8(), hn::TableLookupBytes(table, nibbles.low));
    const auto high = hn::BitCast(I8(), hn::TableLookupBytes(table, nibbles.high));
    hn::Store(low, I8(), chunk.low);
    hn::Store(high, I8(), chunk.high);
    const auto sums = PairSums(hn::Add(PairProducts(bias, low), PairProducts(bias, high)));
    hn::Store(sums, I32(), chunk.bias);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const int64_t block = (begin + 8 * lane) / kNvfp4Block;
      chunk.scales[lane] = 8 * lane < count ? FloatFromE4m3(scales[block]) : 0.0f;
    }
  }
}

/// The next chunk of a weight row: codes with the bias, scales x 2^-8.
struct WeightChunk {
  hn::Vec<U8> low;
  hn::Vec<U8> high;
  VF scales;
};

HWY_INLINE WeightChunk DecodeWeight(const uint8_t* codes, const uint8_t* scales, int64_t count) {
  uint8_t padded_codes[kChunk / 2];
  uint8_t padded_scales[kChunk / kNvfp4Block];
  if (count < kChunk) {
    std::fill_n(padded_codes, kChunk / 2, uint8_t{0});
    std::fill_n(padded_scales, kChunk / kNvfp4Block, uint8_t{0});
    codes = std::copy_n(codes, count / 2, padded_codes) - count / 2;
    scales = std::copy_n(scales, count / kNvfp4Block, padded_scales) - count / kNvfp4Block;
  }
  const Nibbles nibbles = LoadNibbles(codes);
  const auto table = hn::LoadDup128(I8(), kBiasedCodes.data());
  return {hn::BitCast(U8(), hn::TableLookupBytes(table, hn::BitCast(I8(), nibbles.low))),
          hn::BitCast(U8(), hn::TableLookupBytes(table, hn::BitCast(I8(), nibbles.high))),
          DecodeScales(scales)};
}

/// sum + (4 x the exact products) x both scales.
HWY_INLINE VF AddProducts(const WeightChunk& weight, const ActivationChunk& x, VF sum) {
  const auto low = PairProducts(weight.low, hn::Load(I8(), x.low));
  const auto high = PairProducts(weight.high, hn::Load(I8(), x.high));
  const auto exact = hn::Sub(PairSums(hn::Add(low, high)), hn::Load(I32(), x.bias));
  return hn::MulAdd(hn::ConvertTo(F(), exact), hn::Mul(weight.scales, hn::Load(F(), x.scales)),
                    sum);
}

/// sums[t] += the products of one panel of weight row n with kTokens tokens, whose chunks are
/// `x_stride` apart.
template <int64_t kTokens>
HWY_INLINE void AddPanel(const Nvfp4Matrix& weight, int64_t n, int64_t first_chunk,
                         const ActivationChunk* x, int64_t x_stride, float* sums) {
  const uint8_t* codes = weight.codes + n * weight.cols / 2;
  const uint8_t* scales = weight.block_scales + n * weight.cols / kNvfp4Block;
  VF totals[kTokens];
  for (int64_t t = 0; t < kTokens; ++t) totals[t] = hn::Load(F(), sums + t * kLanes);
  const int64_t end = std::min(ChunksOf(weight.cols), first_chunk + kPanelChunks);
  for (int64_t chunk = first_chunk; chunk < end; ++chunk) {
    const int64_t begin = chunk * kChunk;
    const WeightChunk decoded = DecodeWeight(codes + begin / 2, scales + begin / kNvfp4Block,
                                             std::min(kChunk, weight.cols - begin));
    for (int64_t t = 0; t < kTokens; ++t) {
      totals[t] = AddProducts(decoded, x[t * x_stride + chunk], totals[t]);
    }
  }
  for (int64_t t = 0; t < kTokens; ++t) hn::Store(totals[t], F(), sums + t * kLanes);
}

/// Rows [begin, end), at most kPanelRows, for kTokens tokens.
template <int64_t kTokens>
void MultiplyTokens(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const ActivationChunk* x,
                    float alpha, Matrix out) {
  const int64_t chunks = ChunksOf(weight.cols);
  alignas(64) float sums[kPanelRows][kTokens * kLanes] = {};
  for (int64_t first = 0; first < chunks; first += kPanelChunks) {
    for (int64_t n = begin; n < end; ++n) {
      AddPanel<kTokens>(weight, n, first, x, chunks, sums[n - begin]);
    }
  }
  for (int64_t n = begin; n < end; ++n) {
    for (int64_t t = 0; t < kTokens; ++t) {
      const VF lanes = hn::Load(F(), sums[n - begin] + t * kLanes);
      // 2^8 of the scales' decoding, 1/4 of the doubled codes.
      out.row(t)[n] = alpha * (hn::GetLane(hn::SumOfLanes(F(), lanes)) * 64.0f);
    }
  }
}

int64_t DecodedRowBytes(int64_t cols) {
  return ChunksOf(cols) * static_cast<int64_t>(sizeof(ActivationChunk));
}

/// Rows [begin, end) of the weight, at most kPanelRows, for all tokens of `out`.
void W4A4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const void* decoded,
              float alpha, Matrix out) {
  const auto* x = static_cast<const ActivationChunk*>(decoded);
  for (int64_t t = 0; t < out.rows; t += kTokenTile) {
    const int64_t tokens = std::min(kTokenTile, out.rows - t);
    const ActivationChunk* rows = x + t * ChunksOf(weight.cols);
    const Matrix part = out.Rows(t, tokens);
    switch (tokens) {
      case 1:
        MultiplyTokens<1>(weight, begin, end, rows, alpha, part);
        break;
      case 2:
        MultiplyTokens<2>(weight, begin, end, rows, alpha, part);
        break;
      case 3:
        MultiplyTokens<3>(weight, begin, end, rows, alpha, part);
        break;
      default:
        MultiplyTokens<kTokenTile>(weight, begin, end, rows, alpha, part);
        break;
    }
  }
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {

HWY_EXPORT(DecodedRowBytes);
HWY_EXPORT(DecodeActivations);
HWY_EXPORT(W4A4Rows);

void CpuBackend::LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) {
  const float alpha = x.global_scale * weight.global_scale;
  const int64_t row_bytes = HWY_DYNAMIC_DISPATCH(DecodedRowBytes)(weight.cols);
  auto* decoded = static_cast<uint8_t*>(Scratch(std::min(kTokenBlock, out.rows) * row_bytes));
  for (int64_t first = 0; first < out.rows; first += kTokenBlock) {
    const Matrix part = out.Rows(first, std::min(kTokenBlock, out.rows - first));
    pool_.ParallelFor(part.rows, 1, [&](int64_t t, int64_t, int) {
      HWY_DYNAMIC_DISPATCH(DecodeActivations)(x, first + t, decoded + t * row_bytes);
    });
    pool_.ParallelFor(weight.rows, kPanelRows, [&](int64_t begin, int64_t end, int) {
      HWY_DYNAMIC_DISPATCH(W4A4Rows)(weight, begin, end, decoded, alpha, part);
    });
  }
}

}  // namespace facet
#endif
