// out = x W^T for an NVFP4 weight and float32 activations (W4A16). ref/linear.cc says what,
// nvfp4_product-inl.h how.
//
// Activations become whole numbers of three digits, once a call: each group of 16 neighbours (a
// scale block of the weights) gets a power of two as its scale such that the largest takes 23 bits.
// Rounding to it is the only loss, at most 2^-23 of the group's largest value; the products of the
// group with its weights are then exact. Integers take half of the instructions that decoding the
// codes to floats would, and a token alone is to be limited by memory, not by instructions.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_nvfp4.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/nvfp4_product-inl.h"

#ifndef FACET_KERNELS_CPU_LINEAR_NVFP4_SCALES_
#define FACET_KERNELS_CPU_LINEAR_NVFP4_SCALES_
namespace facet {
namespace {

constexpr int kDigits = 3;

/// A group's power of two, and its inverse.
struct GroupScale {
  float scale = 0;
  float inverse = 0;
};

/// For a group whose largest magnitude is `largest`: largest x inverse is below 0x7F8000, the most
/// that three signed digits hold. NaN or infinity make the scale, and so the results, NaN.
inline GroupScale GroupScaleOf(float largest) {
  if (!(largest <= std::numeric_limits<float>::max())) {
    return {std::numeric_limits<float>::quiet_NaN(), 0};
  }
  // One part in 128 more, so that rounding to the next power of two leaves room for the top digit.
  const auto bits = std::bit_cast<uint32_t>(largest + largest * 0x1.0p-7f);
  // Both numbers stay normal; groups below 2^-103 lose digits.
  const uint32_t exponent = std::clamp(bits >> 23, 24u, 255u);
  return {std::bit_cast<float>((exponent - 22) << 23),
          std::bit_cast<float>((276 - exponent) << 23)};
}

}  // namespace
}  // namespace facet
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

using W4A16Chunk = ActivationChunk<kDigits>;

/// Where four digits of each kind go: even ones, then odd ones, digit by digit.
alignas(16) constexpr std::array<uint8_t, 16> kSplitDigits = {0, 8,  4, 12, 1,    9,    5,    13,
                                                              2, 10, 6, 14, 0x80, 0x80, 0x80, 0x80};

/// Half of a group, the even and the odd quarter of its four bytes, scaled by `inverse`.
template <typename V>
HWY_INLINE void PackHalf(V values, float inverse, int64_t half, int64_t lane, W4A16Chunk& chunk) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::CappedTag<uint8_t, 16> d8;
  const hn::CappedTag<uint16_t, 8> d16;
  const auto whole = hn::NearestInt(hn::Mul(values, hn::Set(d, inverse)));
  // Adding 128 to each lower digit carries what is above 127 to the next; flipping the top bits
  // takes the 128 off again.
  const auto carry = hn::Set(di, 0x00808080);
  const auto digits = hn::Xor(hn::Add(whole, carry), carry);
  const hn::Half<decltype(di)> di4;
  const auto split = hn::Load(d8, kSplitDigits.data());
  const auto first = hn::TableLookupBytes(hn::BitCast(d8, hn::LowerHalf(di4, digits)), split);
  const auto second = hn::TableLookupBytes(hn::BitCast(d8, hn::UpperHalf(di4, digits)), split);
  alignas(16) uint8_t packed[32];
  const auto low = hn::InterleaveLower(d16, hn::BitCast(d16, first), hn::BitCast(d16, second));
  const auto high = hn::InterleaveUpper(d16, hn::BitCast(d16, first), hn::BitCast(d16, second));
  hn::Store(hn::BitCast(d8, low), d8, packed);
  hn::Store(hn::BitCast(d8, high), d8, packed + 16);
  for (int64_t digit = 0; digit < kDigits; ++digit) {
    std::memcpy(chunk.digits[digit][2 * half] + 4 * lane, packed + 8 * digit, 4);
    std::memcpy(chunk.digits[digit][2 * half + 1] + 4 * lane, packed + 8 * digit + 4, 4);
  }
}

/// 16 values as the group of `lane`, all but its bias.
HWY_INLINE void PackGroup(const float* values, int64_t lane, W4A16Chunk& chunk) {
  const hn::CappedTag<float, kNvfp4Block / 2> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto first = hn::LoadU(d, values);
  const auto last = hn::LoadU(d, values + kNvfp4Block / 2);
  // As integers, so that NaN, above all other magnitudes, is found.
  const auto magnitudes = hn::Max(hn::BitCast(di, hn::Abs(first)), hn::BitCast(di, hn::Abs(last)));
  const auto largest = std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(di, magnitudes)));
  const GroupScale scale = GroupScaleOf(largest);
  chunk.scales[lane] = scale.scale;
  PackHalf(first, scale.inverse, 0, lane, chunk);
  PackHalf(last, scale.inverse, 1, lane, chunk);
}

/// One row of activations, chunk by chunk; zeros behind the end.
void PackRow(const float* x, int64_t cols, void* memory) {
  auto* chunks = static_cast<W4A16Chunk*>(memory);
  const float zeros[kNvfp4Block] = {};
  for (int64_t begin = 0; begin < cols; begin += kChunk) {
    W4A16Chunk& chunk = chunks[begin / kChunk];
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const int64_t k = begin + LaneBlock(kLanes, lane) * kNvfp4Block;
      PackGroup(k < cols ? x + k : zeros, lane, chunk);
    }
    hn::Store(Bias(chunk), I32(), chunk.bias);
  }
}

int64_t PackedRowBytes(int64_t cols) {
  return ChunksOf(cols) * static_cast<int64_t>(sizeof(W4A16Chunk));
}

void Nvfp4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const void* x, float factor,
               Matrix out) {
  MultiplyRows(weight, begin, end, static_cast<const W4A16Chunk*>(x), factor, out);
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {

HWY_EXPORT(PackedRowBytes);
HWY_EXPORT(PackRow);
HWY_EXPORT(Nvfp4Rows);

void CpuBackend::LinearNvfp4(const Nvfp4Matrix& weight, ConstMatrix x, Matrix out) {
  constexpr int64_t kTokenBlock = 64;  // bounds the memory
  // 2^8 of the weight scales' decoding, 1/2 of the doubled codes.
  const float factor = weight.global_scale * 128.0f;
  const int64_t row_bytes = HWY_DYNAMIC_DISPATCH(PackedRowBytes)(x.cols);
  auto* packed = static_cast<uint8_t*>(Scratch(std::min(kTokenBlock, x.rows) * row_bytes));
  for (int64_t first = 0; first < x.rows; first += kTokenBlock) {
    const Matrix part = out.Rows(first, std::min(kTokenBlock, x.rows - first));
    pool_.ParallelFor(part.rows, 1, [&](int64_t t, int64_t, int) {
      HWY_DYNAMIC_DISPATCH(PackRow)(x.row(first + t), x.cols, packed + t * row_bytes);
    });
    pool_.ParallelFor(weight.rows, kProductRows, [&](int64_t begin, int64_t end, int) {
      HWY_DYNAMIC_DISPATCH(Nvfp4Rows)(weight, begin, end, packed, factor, part);
    });
  }
}

}  // namespace facet
#endif
