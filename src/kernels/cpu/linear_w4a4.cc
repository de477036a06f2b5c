// The W4A4 product. ref/linear_w4a4.cc says what, nvfp4_product-inl.h how: sums of 16 code
// products are exact, only their sum over a row rounds.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"
#include "tensor/e4m3.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_w4a4.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/nvfp4_product-inl.h"

#ifndef FACET_KERNELS_CPU_LINEAR_W4A4_TABLE_
#define FACET_KERNELS_CPU_LINEAR_W4A4_TABLE_
namespace facet {
namespace {

alignas(16) constexpr std::array<int8_t, 16> kDoubledCodes = kE2m1Doubled;

}  // namespace
}  // namespace facet
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {

using W4A4Chunk = ActivationChunk<1>;

/// Row `row` of the activations, chunk by chunk; zeros behind the end.
void DecodeActivations(const Nvfp4Matrix& x, int64_t row, void* memory) {
  auto* chunks = static_cast<W4A4Chunk*>(memory);
  const uint8_t* codes = x.codes + row * x.cols / 2;
  const uint8_t* scales = x.block_scales + row * x.cols / kNvfp4Block;
  for (int64_t begin = 0; begin < x.cols; begin += kChunk) {
    W4A4Chunk& chunk = chunks[begin / kChunk];
    const int64_t count = std::min(kChunk, x.cols - begin);
    uint8_t padded[kChunk / 2] = {};
    std::copy_n(codes + begin / 2, count / 2, padded);
    const ChunkCodes loaded = LoadCodes(padded);
    for (int q = 0; q < kQuarters; ++q) {
      hn::Store(LookUp(kDoubledCodes, loaded.quarters[q]), I8(), chunk.digits[0][q]);
    }
    hn::Store(Bias(chunk), I32(), chunk.bias);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const int64_t block = LaneBlock(kLanes, lane);
      chunk.scales[lane] =
          block * kNvfp4Block < count ? FloatFromE4m3(scales[begin / kNvfp4Block + block]) : 0.0f;
    }
  }
}

int64_t W4A4RowBytes(int64_t cols) {
  return ChunksOf(cols) * static_cast<int64_t>(sizeof(W4A4Chunk));
}

void W4A4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const void* x, float factor,
              Matrix out) {
  MultiplyRows(weight, begin, end, static_cast<const W4A4Chunk*>(x), factor, out);
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {

HWY_EXPORT(W4A4RowBytes);
HWY_EXPORT(DecodeActivations);
HWY_EXPORT(W4A4Rows);

void CpuBackend::LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) {
  constexpr int64_t kTokenBlock = 64;  // bounds the memory
  // 2^8 of the weight scales' decoding, 1/4 of the doubled codes.
  const float factor = x.global_scale * weight.global_scale * 64.0f;
  const int64_t row_bytes = HWY_DYNAMIC_DISPATCH(W4A4RowBytes)(weight.cols);
  auto* decoded = static_cast<uint8_t*>(Scratch(std::min(kTokenBlock, out.rows) * row_bytes));
  for (int64_t first = 0; first < out.rows; first += kTokenBlock) {
    const Matrix part = out.Rows(first, std::min(kTokenBlock, out.rows - first));
    pool_.ParallelFor(part.rows, 1, [&](int64_t t, int64_t, int) {
      HWY_DYNAMIC_DISPATCH(DecodeActivations)(x, first + t, decoded + t * row_bytes);
    });
    pool_.ParallelFor(weight.rows, kProductRows, [&](int64_t begin, int64_t end, int) {
      HWY_DYNAMIC_DISPATCH(W4A4Rows)(weight, begin, end, decoded, factor, part);
    });
  }
}

}  // namespace facet
#endif
