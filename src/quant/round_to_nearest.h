// The `max` method: each group's global scale from its largest weight, each block's scale from its
// largest weight, every weight rounded to the nearest code. docs/quantization.md, "Step 4".
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/run_control.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_specs.h"
#include "kernels/backend.h"
#include "tensor/nvfp4.h"

namespace facet {

/// What the weights themselves say.
struct WeightRanges {
  std::map<std::string, float> groups;  ///< largest |weight| of each group, by its name
  std::vector<std::string> all_zero;    ///< linears without any weight but 0
};

/// Reads every weight of `linears` once. kInvalidData names the first one that is not BF16 or not
/// finite.
Result<WeightRanges> MeasureWeights(const Checkpoint& source, std::span<const TensorSpec> linears,
                                    Backend& backend, const RunControl& control);

/// weight_scale_2 for a group's largest weight: amax / 2688 in the profile's rounding. Where that
/// would make every scale NaN or 0 the writer departs from modelopt: 1 for weights that are all
/// zero, and never below the smallest normal number.
float WeightGlobalScale(float amax, DivisionProfile division);

/// A quantized weight that owns its bytes.
struct QuantizedWeight {
  std::vector<uint8_t> codes;         ///< [rows, cols / 2]
  std::vector<uint8_t> block_scales;  ///< [rows, cols / 16]
};

QuantizedWeight QuantizeRoundToNearest(const Bf16Matrix& weight, float global_scale,
                                       ModeloptCompat compat, Backend& backend);

/// The BF16 weight of a linear; kInvalidData for anything else.
Result<Bf16Matrix> SourceWeight(const Checkpoint& source, const TensorSpec& linear);

}  // namespace facet
