// Activations to NVFP4 at run time, the same bytes as ref/quantize_activations.cc.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/quantize_activations.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/quantize_codes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void QuantizeActivationBlocks(const float* x, int64_t blocks, float input_scale, uint8_t* codes,
                              uint8_t* block_scales) {
  const BlockTag d;
  for (int64_t block = 0; block < blocks; ++block) {
    const auto first = hn::LoadU(d, x + block * kNvfp4Block);
    const auto second = hn::LoadU(d, x + block * kNvfp4Block + 8);
    const ActivationScale scale = ActivationScaleOf(BlockAmax(first, second), input_scale);
    block_scales[block] = scale.scale;
    const auto multiplier = hn::Set(d, scale.multiplier);
    uint8_t* out = codes + block * kNvfp4Block / 2;
    StoreCodes(CodesKeepingSign(hn::Mul(first, multiplier)), out);
    StoreCodes(CodesKeepingSign(hn::Mul(second, multiplier)), out + 4);
  }
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(QuantizeActivationBlocks);

void CpuBackend::QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                                     uint8_t* block_scales) {
  constexpr int64_t kGrain = 512;  // blocks
  pool_.ParallelFor(x.rows * x.cols / kNvfp4Block, kGrain, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(QuantizeActivationBlocks)
    (x.data + begin * kNvfp4Block, end - begin, input_scale, codes + begin * kNvfp4Block / 2,
     block_scales + begin);
  });
}

}  // namespace facet
#endif
