// A BF16 weight to NVFP4, the same bytes as ref/quantize_weight.cc, and its largest magnitude.
#include <algorithm>
#include <atomic>
#include <bit>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/quantize_weight.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"
#include "kernels/cpu/quantize_codes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void QuantizeWeightBlocks(const uint16_t* weight, int64_t blocks, float global_scale,
                          ModeloptCompat compat, uint8_t* codes, uint8_t* block_scales) {
  const BlockTag d;
  for (int64_t block = 0; block < blocks; ++block) {
    const auto first = LoadBf16(d, weight + block * kNvfp4Block);
    const auto second = LoadBf16(d, weight + block * kNvfp4Block + 8);
    const uint8_t scale = WeightScale(BlockAmax(first, second), global_scale, compat);
    block_scales[block] = scale;
    const auto denominator = hn::Set(d, FloatFromE4m3(scale) * global_scale);
    uint8_t* out = codes + block * kNvfp4Block / 2;
    StoreCodes(CodesOf(hn::Div(first, denominator)), out);
    StoreCodes(CodesOf(hn::Div(second, denominator)), out + 4);
  }
}

/// The largest bits of count values without their signs: BF16 magnitudes order as integers, NaN
/// above infinity.
uint16_t LargestBits(const uint16_t* values, int64_t count) {
  const hn::ScalableTag<uint16_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::Set(d, uint16_t{0x7FFF});
  auto largest = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    largest = hn::Max(largest, hn::And(hn::LoadU(d, values + i), mask));
  }
  uint16_t of_lanes[HWY_LANES(uint16_t)];
  hn::StoreU(largest, d, of_lanes);
  uint16_t result = *std::max_element(of_lanes, of_lanes + lanes);
  for (; i < count; ++i) result = std::max(result, static_cast<uint16_t>(values[i] & 0x7FFF));
  return result;
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(QuantizeWeightBlocks);
HWY_EXPORT(LargestBits);

float CpuBackend::AbsMax(const Bf16Matrix& weight) {
  constexpr int64_t kGrain = 1 << 18;
  std::atomic<uint16_t> largest{0};
  pool_.ParallelFor(weight.rows * weight.cols, kGrain, [&](int64_t begin, int64_t end, int) {
    const uint16_t found = HWY_DYNAMIC_DISPATCH(LargestBits)(weight.data + begin, end - begin);
    uint16_t seen = largest.load();
    while (found > seen && !largest.compare_exchange_weak(seen, found)) {
    }
  });
  return FloatFromBf16(largest.load());
}

void CpuBackend::QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                                uint8_t* codes, uint8_t* block_scales) {
  constexpr int64_t kGrain = 2048;  // blocks
  const int64_t blocks = weight.rows * weight.cols / kNvfp4Block;
  pool_.ParallelFor(blocks, kGrain, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(QuantizeWeightBlocks)
    (weight.data + begin * kNvfp4Block, end - begin, global_scale, compat,
     codes + begin * kNvfp4Block / 2, block_scales + begin);
  });
}

}  // namespace facet
#endif
