// NVFP4 weights in registers, for the linear layers; included once per target, as Highway's own
// -inl.h files. A chunk is 8 N weights, N the float lanes: one vector of packed codes.
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tensor/e2m1.h"

#ifndef FACET_KERNELS_CPU_NVFP4_DECODE_TABLES_
#define FACET_KERNELS_CPU_NVFP4_DECODE_TABLES_
namespace facet {

/// Scale bytes to the upper half of 16 bits, each twice; an index of 0x80 gives zero.
alignas(32) inline constexpr std::array<uint8_t, 32> kScaleSpread = {
    0x80, 0, 0x80, 0, 0x80, 1, 0x80, 1, 0x80, 2, 0x80, 2, 0x80, 3, 0x80, 3,
    0x80, 4, 0x80, 4, 0x80, 5, 0x80, 5, 0x80, 6, 0x80, 6, 0x80, 7, 0x80, 7};

template <typename Byte>
constexpr std::array<Byte, 16> DoubledCodes(int bias) {
  std::array<Byte, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<Byte>(kE2m1Doubled[i] + bias);
  return bytes;
}

/// kE2m1Doubled as bytes, and plus 12, which makes them all positive.
alignas(16) inline constexpr std::array<uint8_t, 16> kDoubledCodes = DoubledCodes<uint8_t>(0);
alignas(16) inline constexpr std::array<int8_t, 16> kBiasedCodes = DoubledCodes<int8_t>(12);

}  // namespace facet
#endif

#if defined(FACET_KERNELS_CPU_NVFP4_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_NVFP4_DECODE_INL_H_
#undef FACET_KERNELS_CPU_NVFP4_DECODE_INL_H_
#else
#define FACET_KERNELS_CPU_NVFP4_DECODE_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

/// The codes of a chunk, one a byte: low nibbles are the even weights.
struct Nibbles {
  hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::ScalableTag<uint8_t>> low;
  hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::ScalableTag<uint8_t>> high;
};

HWY_INLINE Nibbles LoadNibbles(const uint8_t* codes) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<uint8_t> d8;
  const hn::ScalableTag<uint16_t> d16;
  const auto mask = hn::Set(d8, uint8_t{0x0F});
  const auto bytes = hn::LoadU(d8, codes);
  const auto shifted = hn::BitCast(d8, hn::ShiftRight<4>(hn::BitCast(d16, bytes)));
  return {hn::And(bytes, mask), hn::And(shifted, mask)};
}

/// A chunk's block scales x 2^-8, exactly, each in the two lanes of its block: the byte's bits read
/// as a half-precision number, whose exponent bias is 8 larger.
HWY_INLINE hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::ScalableTag<float>> DecodeScales(
    const uint8_t* scales) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> d;
  const hn::Rebind<int16_t, decltype(d)> d16;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const hn::Repartition<uint8_t, decltype(d16)> d8;
  using Packed = std::conditional_t<HWY_LANES(float) == 8, uint32_t, uint64_t>;
  Packed packed;
  std::memcpy(&packed, scales, sizeof(packed));
  const auto bytes = hn::BitCast(d8, hn::Set(hn::Repartition<Packed, decltype(d8)>(), packed));
  const auto spread = hn::TableLookupBytes(bytes, hn::Load(d8, kScaleSpread.data()));
  // s eeee mmm 0000 0000 -> s 0 eeee mmm 000 0000.
  const auto shifted = hn::ShiftRight<1>(hn::BitCast(d16, spread));
  const auto bits = hn::And(shifted, hn::Set(d16, static_cast<int16_t>(0xBFFF)));
  return hn::PromoteTo(d, hn::BitCast(half, bits));
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
