// A checkpoint in numbers: what is stored how, and why. Headers only, no content is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_specs.h"

namespace facet {

/// The tensors of one kind that are stored in one way.
struct StoredGroup {
  TensorKind kind = TensorKind::kLinear;
  std::string stored_as;   ///< "NVFP4", "BF16"; the dtype's name if it is another
  std::string reason;      ///< why it is stored so
  int64_t tensors = 0;     ///< of the model; a quantized linear is one
  int64_t parameters = 0;  ///< numbers of the model
  int64_t bytes = 0;       ///< in the file, scales included
};

struct CheckpointSummary {
  std::vector<StoredGroup> groups;  ///< by kind, quantized before kept
  int64_t parameters = 0;           ///< found in the file
  int64_t bytes = 0;                ///< of the model's tensors
  int64_t bf16_bytes = 0;           ///< the same parameters in BF16
  int64_t other_bytes = 0;          ///< of tensors that the model does not have
  int64_t missing = 0;              ///< tensors of the model that the file does not have
  int64_t linears = 0;
  int64_t quantized_linears = 0;
  int64_t with_input_scale = 0;  ///< quantized linears that state an activation range
  int64_t sliding_layers = 0;
  int64_t full_layers = 0;
};

CheckpointSummary Summarize(const Checkpoint& checkpoint);

/// "BF16", "NVFP4 (modelopt layout)", "NVFP4 (compressed-tensors layout)".
std::string_view DescriptionOf(WeightFormat format);
/// "bf16", "nvfp4_modelopt", "nvfp4_compressed_tensors": for JSON.
std::string_view NameOf(WeightFormat format);

}  // namespace facet
