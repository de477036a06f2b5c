// How each tensor of a synthetic checkpoint is distributed. docs/synth.md, "Which tensor gets which
// numbers", says why.
#pragma once

#include <cstdint>

#include "checkpoint/tensor_specs.h"
#include "quant/nvfp4_unit.h"
#include "quant/synth_values.h"

namespace facet {

/// The distribution of a tensor's BF16 values.
SynthDistribution SynthDistributionOf(const TensorSpec& spec);

/// The scalars of a quantized linear, the same for all linears of its group. Codes x block scales x
/// global scale have the variance that the linear's BF16 values would have, up to the group's own
/// factor of 7/8 to 9/8.
GroupScales SynthScalesOf(uint64_t seed, const TensorSpec& linear);

}  // namespace facet
