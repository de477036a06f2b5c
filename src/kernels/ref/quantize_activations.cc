// Activations to NVFP4 at run time.
#include "kernels/ref/ref_backend.h"

namespace facet {

void RefBackend::QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                                     uint8_t* block_scales) {
  for (int64_t block = 0; block < x.rows * x.cols / kNvfp4Block; ++block) {
    const std::span<const float, kNvfp4Block> values(x.data + block * kNvfp4Block, kNvfp4Block);
    const QuantizedBlock quantized = QuantizeActivationBlock(values, input_scale);
    block_scales[block] = quantized.scale;
    for (int64_t i = 0; i < kNvfp4Block / 2; ++i) {
      codes[block * kNvfp4Block / 2 + i] =
          static_cast<uint8_t>(quantized.codes[2 * i] | quantized.codes[2 * i + 1] << 4);
    }
  }
}

}  // namespace facet
