// Packed NVFP4 weights to BF16 A fragments in registers, exactly. pack_format.h has the layout.
#pragma once

#include <cstdint>

#include "kernels/cuda/pack_format.h"

namespace facet::cuda {

/// The product of two pairs of BF16 numbers.
__device__ inline uint32_t MultiplyBf16x2(uint32_t a, uint32_t b) {
  uint32_t product;
  asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
  return product;
}

/// Byte `index` of a row's four scales as the multiplier of both halves of a pair.
__device__ inline uint32_t ScalePair(uint32_t scales, int index) {
  const auto i = static_cast<uint32_t>(index);
  const uint32_t both = __byte_perm(scales, 0, 0x4040u | i << 8 | i);
  return both * 16 + 0x76007600u;
}

/// The four registers of an A fragment, weight / global_scale x 2^-7, from a word and the scale
/// pairs of rows g and g + 8.
__device__ inline void DecodeFragment(uint32_t word, uint32_t upper, uint32_t lower,
                                      uint32_t (&fragment)[4]) {
  fragment[0] = MultiplyBf16x2(PairBits(0, word), upper);
  fragment[1] = MultiplyBf16x2(PairBits(1, word), lower);
  fragment[2] = MultiplyBf16x2(PairBits(2, word), upper);
  fragment[3] = MultiplyBf16x2(PairBits(3, word), lower);
}

}  // namespace facet::cuda
