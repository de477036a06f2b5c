// What a checkpoint says about its own quantization: hf_quant_config.json and config.json's
// quantization_config, in modelopt's and in compressed-tensors' spelling.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

enum class QuantLayout { kModelopt, kCompressedTensors };

struct QuantConfig {
  QuantLayout layout = QuantLayout::kModelopt;
  std::string algorithm;  ///< "NVFP4", or the format's name of compressed-tensors
  std::string producer;   ///< "modelopt 0.44.0"; empty if the file does not say
  int64_t group_size = 16;
  std::optional<std::string> kv_cache;  ///< FP8 and the like; absent: the cache is not quantized
  std::vector<std::string> exclude;     ///< exclude_modules / ignore, as written

  /// Parses hf_quant_config.json (modelopt).
  static Result<QuantConfig> ParseHfQuantConfig(std::string_view json);
  /// Parses the quantization_config object of a config.json, given as the whole config.json;
  /// nothing when it has none. kUnsupported for a method, format or scheme that facet does not
  /// read.
  static Result<std::optional<QuantConfig>> ParseConfigJson(std::string_view json);

  /// Does the exclusion list name this module? modelopt: shell globs over the full name, "*"
  /// crosses dots; compressed-tensors: exact names, or "re:" and a pattern matched from the start.
  bool Excludes(std::string_view module) const;
};

}  // namespace facet
