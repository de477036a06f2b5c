// The two JSON files that state a quantization: hf_quant_config.json, and quantization_config in
// config.json. Text in, text out. docs/quantization.md, "Step 5".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/nvfp4.h"

namespace facet {

struct QuantizationFacts {
  Nvfp4Profile profile;
  std::vector<std::string> exclude;
  bool measured =
      true;  ///< false: nothing was quantized, codes and scales are drawn (synthesizer.h)
};

/// The whole hf_quant_config.json.
std::string HfQuantConfigJson(const QuantizationFacts& facts);

/// A config.json with quantization_config added, every other key as it was and in its place.
/// kInvalidData if the text is no JSON object.
Result<std::string> AddQuantizationConfig(std::string_view config_json,
                                          const QuantizationFacts& facts);

/// A config.json without any quantization's keys.
Result<std::string> RemoveQuantizationConfig(std::string_view config_json);

}  // namespace facet
