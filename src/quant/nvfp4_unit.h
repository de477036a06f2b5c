// The tensors of one quantized linear in modelopt's layout, as a unit of a shard plan.
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "checkpoint/tensor_specs.h"
#include "quant/shard_plan.h"

namespace facet {

/// A group's two scalars. Without input_scale a linear runs with unquantized activations.
struct GroupScales {
  float global_scale = 1;
  std::optional<float> input_scale;
};

/// X.weight_scale_2 and, if there is one, X.input_scale, which are written from `scales`; then
/// X.weight, U8 [out, in / 2], and X.weight_scale, E4M3 [out, in / 16], whose bytes `write` appends
/// in this order. `linear`'s input width is a multiple of 16.
Unit Nvfp4Unit(const TensorSpec& linear, const GroupScales& scales,
               std::function<Result<void>(SafetensorsWriter& writer)> write);

}  // namespace facet
