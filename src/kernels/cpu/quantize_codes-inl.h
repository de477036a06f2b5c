// The block maximum and the E2M1 codes of 16 floats, to the bit as tensor/nvfp4.cc; included once
// per target, as Highway's own -inl.h files.
#if defined(FACET_KERNELS_CPU_QUANTIZE_CODES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_QUANTIZE_CODES_INL_H_
#undef FACET_KERNELS_CPU_QUANTIZE_CODES_INL_H_
#else
#define FACET_KERNELS_CPU_QUANTIZE_CODES_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

/// Eight lanes on every target: a block is two vectors.
using BlockTag = hwy::HWY_NAMESPACE::CappedTag<float, 8>;
using BlockVec = hwy::HWY_NAMESPACE::Vec<BlockTag>;
using CodeTag = hwy::HWY_NAMESPACE::RebindToSigned<BlockTag>;
using CodeVec = hwy::HWY_NAMESPACE::Vec<CodeTag>;

/// The largest magnitude of 16 values; NaN counts as nothing, as std::max leaves it.
HWY_INLINE float BlockAmax(BlockVec first, BlockVec second) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto magnitude = [](BlockVec v) HWY_ATTR {
    const auto absolute = hn::Abs(v);
    return hn::IfThenElseZero(hn::Eq(absolute, absolute), absolute);
  };
  const auto largest = hn::Max(magnitude(first), magnitude(second));
  return hn::GetLane(hn::MaxOfLanes(BlockTag(), largest));
}

/// Codes of eight magnitudes, one a 32-bit lane: E2m1FromFloat's comparisons, each that holds takes
/// one off 7.
HWY_INLINE CodeVec MagnitudeCodes(BlockVec magnitudes) {
  namespace hn = hwy::HWY_NAMESPACE;
  const BlockTag d;
  const CodeTag di;
  auto code = hn::Set(di, 7);
  for (const float bound : {0.25f, 1.25f, 2.5f, 5.0f}) {  // ties go down
    const auto holds = hn::Le(magnitudes, hn::Set(d, bound));
    code = hn::Add(code, hn::VecFromMask(di, hn::RebindMask(di, holds)));
  }
  for (const float bound : {0.75f, 1.75f, 3.5f}) {  // ties go up
    const auto holds = hn::Lt(magnitudes, hn::Set(d, bound));
    code = hn::Add(code, hn::VecFromMask(di, hn::RebindMask(di, holds)));
  }
  return code;
}

/// E2m1FromFloat of eight values: the sign is (value < 0).
HWY_INLINE CodeVec CodesOf(BlockVec values) {
  namespace hn = hwy::HWY_NAMESPACE;
  const CodeTag di;
  const auto negative = hn::RebindMask(di, hn::Lt(values, hn::Zero(BlockTag())));
  const auto sign = hn::IfThenElseZero(negative, hn::Set(di, 8));
  return hn::Or(MagnitudeCodes(hn::Abs(values)), sign);
}

/// E2m1FromFloatKeepingSign of eight values: the sign is the sign bit, but NaN has none.
HWY_INLINE CodeVec CodesKeepingSign(BlockVec values) {
  namespace hn = hwy::HWY_NAMESPACE;
  const CodeTag di;
  const hn::RebindToUnsigned<CodeTag> du;
  const auto bits = hn::ShiftRight<31>(hn::BitCast(du, values));
  const auto sign = hn::BitCast(di, hn::ShiftLeft<3>(bits));
  const auto is_number = hn::RebindMask(di, hn::Eq(values, values));
  return hn::Or(MagnitudeCodes(hn::Abs(values)), hn::IfThenElseZero(is_number, sign));
}

/// Eight codes to four bytes, the even element in the low nibble.
HWY_INLINE void StoreCodes(CodeVec codes, uint8_t* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::Repartition<uint64_t, BlockTag> d64;
  const hn::Rebind<uint8_t, decltype(d64)> d8;
  const auto pairs = hn::BitCast(d64, codes);
  const auto merged = hn::And(hn::Or(pairs, hn::ShiftRight<28>(pairs)), hn::Set(d64, 0xFFu));
  hn::StoreU(hn::TruncateTo(d8, merged), d8, out);
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
