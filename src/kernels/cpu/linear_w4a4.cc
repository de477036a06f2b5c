// The W4A4 product. ref/linear_w4a4.cc says what. Sums of 8 code products are exact integers; each,
// times its two block scales (exact as well), is added in float, lane by lane, then the lanes.
//
// A chunk is 8 N codes, N the float lanes of the processor; lane l holds the products of the codes
// [8 l, 8 (l + 1)). The multiply instruction wants an unsigned and a signed operand: weights are
// biased by 12, and 12 times the sum of the activations is taken off again.
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

#ifndef FACET_KERNELS_CPU_LINEAR_W4A4_SIZES_
#define FACET_KERNELS_CPU_LINEAR_W4A4_SIZES_
namespace facet {
namespace {

constexpr int kCodeBias = 12;  // the largest doubled code
constexpr int64_t kCodesPerLane = 8;

/// Bytes of one chunk in the decoded form: low and high codes (4 bytes a lane each), a correction
/// (4) and a scale (4).
constexpr int64_t kBytesPerLane = 16;

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
constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
constexpr int64_t kChunk = kCodesPerLane * kLanes;
constexpr int64_t kChunkBytes = kBytesPerLane * kLanes;

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

/// Row `row` of a matrix, decoded chunk by chunk: low codes, high codes (doubled, plus `bias`), 12
/// x the sum of the lane's eight codes without the bias, the block scales. Zeros behind the end.
void DecodeRow(const Nvfp4Matrix& matrix, int64_t row, int bias, uint8_t* out) {
  const uint8_t* codes = matrix.codes + row * matrix.cols / 2;
  const uint8_t* scales = matrix.block_scales + row * matrix.cols / kNvfp4Block;
  alignas(16) int8_t doubled[16];
  for (size_t i = 0; i < 16; ++i) doubled[i] = static_cast<int8_t>(kE2m1Doubled[i] + bias);
  const auto table = hn::LoadDup128(I8(), doubled);
  const auto plain_table = hn::LoadDup128(I8(), kE2m1Doubled.data());
  const auto nibble = hn::Set(U8(), uint8_t{0x0F});
  const auto twelve = hn::Set(U8(), uint8_t{kCodeBias});
  for (int64_t begin = 0; begin < matrix.cols; begin += kChunk, out += kChunkBytes) {
    const int64_t count = std::min(kChunk, matrix.cols - begin);
    alignas(64) uint8_t padded[kChunk / 2] = {};
    std::memcpy(padded, codes + begin / 2, static_cast<size_t>(count / 2));
    const auto bytes = hn::Load(U8(), padded);
    const auto low = hn::And(bytes, nibble);
    const auto high = hn::And(
        hn::BitCast(U8(), hn::ShiftRight<4>(hn::BitCast(hn::ScalableTag<uint16_t>(), bytes))),
        nibble);
    hn::Store(hn::BitCast(U8(), hn::TableLookupBytes(table, hn::BitCast(I8(), low))), U8(), out);
    hn::Store(hn::BitCast(U8(), hn::TableLookupBytes(table, hn::BitCast(I8(), high))), U8(),
              out + 4 * kLanes);
    const auto sums =
        hn::Add(PairProducts(twelve, hn::TableLookupBytes(plain_table, hn::BitCast(I8(), low))),
                PairProducts(twelve, hn::TableLookupBytes(plain_table, hn::BitCast(I8(), high))));
    hn::Store(PairSums(sums), I32(), reinterpret_cast<int32_t*>(out + 8 * kLanes));
    auto* lane_scales = reinterpret_cast<float*>(out + 12 * kLanes);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const int64_t k = begin + lane * kCodesPerLane;
      lane_scales[lane] = k < matrix.cols ? FloatFromE4m3(scales[k / kNvfp4Block]) : 0.0f;
    }
  }
}

/// Sum over chunks of (activation scale x weight scale) x (4 x the exact product): four times the
/// dot product.
HWY_INLINE float DotOfRows(const uint8_t* weight, const uint8_t* x, int64_t chunks) {
  auto total = hn::Zero(F());
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const uint8_t* w = weight + chunk * kChunkBytes;
    const uint8_t* v = x + chunk * kChunkBytes;
    const auto low = PairProducts(hn::Load(U8(), w), hn::BitCast(I8(), hn::Load(U8(), v)));
    const auto high = PairProducts(hn::Load(U8(), w + 4 * kLanes),
                                   hn::BitCast(I8(), hn::Load(U8(), v + 4 * kLanes)));
    const auto correction = hn::Load(I32(), reinterpret_cast<const int32_t*>(v + 8 * kLanes));
    const auto sums = hn::ConvertTo(F(), hn::Sub(PairSums(hn::Add(low, high)), correction));
    const auto scale = hn::Mul(hn::Load(F(), reinterpret_cast<const float*>(w + 12 * kLanes)),
                               hn::Load(F(), reinterpret_cast<const float*>(v + 12 * kLanes)));
    total = hn::MulAdd(sums, scale, total);
  }
  return hn::GetLane(hn::SumOfLanes(F(), total));
}

int64_t DecodedRowBytes(int64_t cols) { return (cols + kChunk - 1) / kChunk * kChunkBytes; }

void DecodeActivations(const Nvfp4Matrix& x, int64_t row, uint8_t* out) {
  DecodeRow(x, row, 0, out);
}

/// Rows [begin, end) of the weight, for all tokens. decoded_row: memory for one row.
void W4A4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const uint8_t* x, float alpha,
              Matrix out, uint8_t* decoded_row) {
  const int64_t chunks = (weight.cols + kChunk - 1) / kChunk;
  for (int64_t n = begin; n < end; ++n) {
    DecodeRow(weight, n, kCodeBias, decoded_row);
    for (int64_t t = 0; t < out.rows; ++t) {
      const float dot = DotOfRows(decoded_row, x + t * chunks * kChunkBytes, chunks);
      out.row(t)[n] = alpha * (dot * 0.25f);
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
  constexpr int64_t kTokenBlock = 128;
  constexpr int64_t kRows = 8;
  const float alpha = x.global_scale * weight.global_scale;
  const int64_t row_bytes = HWY_DYNAMIC_DISPATCH(DecodedRowBytes)(weight.cols);
  const int64_t block = std::min(kTokenBlock, out.rows);
  auto* scratch = static_cast<uint8_t*>(Scratch((block + pool_.threads()) * row_bytes));
  uint8_t* weight_rows = scratch + block * row_bytes;
  for (int64_t first = 0; first < out.rows; first += kTokenBlock) {
    const Matrix part = out.Rows(first, std::min(kTokenBlock, out.rows - first));
    pool_.ParallelFor(part.rows, 1, [&](int64_t t, int64_t, int) {
      HWY_DYNAMIC_DISPATCH(DecodeActivations)(x, first + t, scratch + t * row_bytes);
    });
    pool_.ParallelFor(weight.rows, kRows, [&](int64_t begin, int64_t end, int worker) {
      HWY_DYNAMIC_DISPATCH(W4A4Rows)
      (weight, begin, end, scratch, alpha, part, weight_rows + worker * row_bytes);
    });
  }
}

}  // namespace facet
#endif
