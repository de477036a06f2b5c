// Calibration: text through the unquantized model, and the largest input of every group of linears
// on the way. The command tokenizes; this module sees token ids only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/run_control.h"
#include "model/model.h"

namespace facet {

struct WindowOptions {
  int64_t samples = 512;           ///< most windows
  int64_t sequence_length = 1024;  ///< tokens of a window, `bos` included
  std::optional<int32_t> bos;      ///< put in front of every window
};

/// Cuts a text's tokens into consecutive windows, the first `samples` of them; the last one may be
/// shorter. No window for no tokens. sequence_length >= 2 with a bos, >= 1 without.
std::vector<std::vector<int32_t>> CutIntoWindows(std::span<const int32_t> tokens,
                                                 const WindowOptions& options);

/// Largest |input| of each group of linears, by the group's name (TensorSpec::group).
using InputRanges = std::map<std::string, float>;

/// The name of a layer's group: "model.language_model.layers.0.self_attn.qkv_proj".
std::string GroupName(size_t layer, LinearGroup group);

/// Runs every sequence through the model alone in its slot, `batch_size` of them at a time, with
/// unquantized activations. Order and batching do not matter: a maximum is a maximum.
/// kInvalidData names the first layer and group whose input is not finite; kUsage passes on what
/// Model::Forward() refuses.
Result<InputRanges> Calibrate(const Model& model, std::span<const std::vector<int32_t>> sequences,
                              int64_t batch_size, const RunControl& control);

}  // namespace facet
