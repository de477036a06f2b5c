#include "quant/round_to_nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/bf16.h"

namespace facet {
namespace {

tl::unexpected<Error> NotFinite(const TensorSpec& linear, const Bf16Matrix& weight) {
  for (int64_t i = 0; i < weight.rows * weight.cols; ++i) {
    const float value = FloatFromBf16(weight.data[i]);
    if (std::isfinite(value)) continue;
    return Fail(ErrorCode::kInvalidData, "{}: element [{},{}] is {}, not a finite number",
                linear.name, i / weight.cols, i % weight.cols, value);
  }
  return Fail(ErrorCode::kInvalidData, "{}: not finite", linear.name);
}

}  // namespace

Result<Bf16Matrix> SourceWeight(const Checkpoint& source, const TensorSpec& linear) {
  FACET_TRY(const uint16_t* data, source.Bf16(linear.name, linear.shape));
  return Bf16Matrix{.rows = linear.shape[0], .cols = linear.shape[1], .data = data};
}

Result<WeightRanges> MeasureWeights(const Checkpoint& source, std::span<const TensorSpec> linears,
                                    Backend& backend, const RunControl& control) {
  WeightRanges ranges;
  int64_t done = 0;
  for (const TensorSpec& linear : linears) {
    FACET_RETURN_IF_ERROR(control.Check());
    FACET_TRY(const Bf16Matrix weight, SourceWeight(source, linear));
    const float amax = backend.AbsMax(weight);
    if (!std::isfinite(amax)) return NotFinite(linear, weight);
    if (amax == 0) ranges.all_zero.push_back(linear.name);
    float& group = ranges.groups[linear.group];
    group = std::max(group, amax);
    source.Release(*source.Find(linear.name));
    control.Report("measure weights", ++done, static_cast<int64_t>(linears.size()), "tensors");
  }
  return ranges;
}

float WeightGlobalScale(float amax, DivisionProfile division) {
  if (amax == 0) return 1;
  return std::max(GlobalScale(amax, division), std::numeric_limits<float>::min());
}

QuantizedWeight QuantizeRoundToNearest(const Bf16Matrix& weight, float global_scale,
                                       ModeloptCompat compat, Backend& backend) {
  const int64_t elements = weight.rows * weight.cols;
  QuantizedWeight quantized;
  quantized.codes.resize(static_cast<size_t>(elements / 2));
  quantized.block_scales.resize(static_cast<size_t>(elements / kNvfp4Block));
  backend.QuantizeWeight(weight, global_scale, compat, quantized.codes.data(),
                         quantized.block_scales.data());
  return quantized;
}

}  // namespace facet
