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

/// The multipliers of a row's four scales as BF16 numbers: those of blocks 0 and 2 (low, high), and
/// of blocks 1 and 3.
struct RowScales {
  uint32_t even;
  uint32_t odd;
};

__device__ inline RowScales MakeRowScales(uint32_t bytes) {
  return {__byte_perm(bytes, 0, 0x4240) * 16 + 0x76007600u,
          __byte_perm(bytes, 0, 0x4341) * 16 + 0x76007600u};
}

/// A pair of BF16 numbers times one half of another pair; the multiplication itself takes the half.
__device__ inline uint32_t MultiplyByHalf(uint32_t pair, uint32_t scales, bool high) {
  uint32_t product;
  if (high) {
    asm("{\n.reg .b16 l, h;\n.reg .b32 s;\nmov.b32 {l, h}, %2;\nmov.b32 s, {h, h};\n"
        "mul.rn.bf16x2 %0, %1, s;\n}"
        : "=r"(product)
        : "r"(pair), "r"(scales));
  } else {
    asm("{\n.reg .b16 l, h;\n.reg .b32 s;\nmov.b32 {l, h}, %2;\nmov.b32 s, {l, l};\n"
        "mul.rn.bf16x2 %0, %1, s;\n}"
        : "=r"(product)
        : "r"(pair), "r"(scales));
  }
  return product;
}

/// DecodeFragment() of word `block` of a record.
__device__ inline void DecodeFragment(uint32_t word, const RowScales& upper, const RowScales& lower,
                                      int block, uint32_t (&fragment)[4]) {
  const uint32_t up = block % 2 == 0 ? upper.even : upper.odd;
  const uint32_t low = block % 2 == 0 ? lower.even : lower.odd;
  fragment[0] = MultiplyByHalf(PairBits(0, word), up, block > 1);
  fragment[1] = MultiplyByHalf(PairBits(1, word), low, block > 1);
  fragment[2] = MultiplyByHalf(PairBits(2, word), up, block > 1);
  fragment[3] = MultiplyByHalf(PairBits(3, word), low, block > 1);
}

}  // namespace facet::cuda
