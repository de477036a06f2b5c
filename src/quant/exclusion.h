// What is quantized and what stays BF16: the linears of the decoder layers are, everything else
// stays. docs/quantization.md, "Step 2".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/model_config.h"
#include "checkpoint/tensor_specs.h"

namespace facet {

struct Selection {
  std::vector<TensorSpec> quantized;  ///< in the order of the forward pass
  std::vector<std::string> exclude;   ///< exclude_modules, as modelopt would write them
  std::vector<std::string> warnings;
};

/// Selects by the configuration alone. A linear whose input width is no multiple of 16 cannot be
/// cut into blocks: it stays BF16, is listed, and is warned about.
Selection SelectLinears(const ModelConfig& config);

/// modelopt's rule: each kept module is replaced by "prefix*" with the shortest prefix at a dot
/// that no quantized module begins with; by "prefix.*" where only that avoids them; by its own name
/// where nothing does. Sorted, each once.
std::vector<std::string> ExcludePatterns(std::span<const std::string> kept,
                                         std::span<const std::string> quantized);

}  // namespace facet
