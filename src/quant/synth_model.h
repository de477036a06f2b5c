// Models that a synthetic checkpoint can be like: their configuration files and the layout of their
// vocabulary. The 12B's values come from its published config.json, generation_config.json and
// processor_config.json; docs/checkpoint.md lists them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quant/synth_tokenizer.h"

namespace facet {

struct SynthModel {
  std::string name;  ///< "12b"
  std::string config_json;
  std::string generation_config_json;
  std::string processor_config_json;
  std::string tokenizer_config_json;
  SynthVocabulary vocabulary;
  std::vector<std::string> warnings;  ///< for people
};

/// Most layers that can be asked for.
inline constexpr int64_t kMaxSynthLayers = 512;

/// "12b" (Gemma 4 12B Unified) or "tiny" (the shapes of models/tiny), with as many layers as the
/// model has or with `layers` of them: five sliding, one full, and so on. kUsage for another name
/// or a number outside [1, kMaxSynthLayers].
Result<SynthModel> SynthModelLike(std::string_view name, std::optional<int64_t> layers);

}  // namespace facet
