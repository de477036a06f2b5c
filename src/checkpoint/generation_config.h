// generation_config.json: how the publisher wants the model to be sampled, and where it stops.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

struct GenerationConfig {
  bool do_sample = false;  ///< false: greedy
  double temperature = 1;
  int64_t top_k = 0;  ///< 0: off
  double top_p = 1;
  std::vector<int32_t> stop_tokens;      ///< eos_token_id, one or a list
  std::vector<int32_t> suppress_tokens;  ///< never generated, greedy included

  /// Parses the text of a generation_config.json; ids must be below `vocabulary`.
  static Result<GenerationConfig> Parse(std::string_view json, int64_t vocabulary);
};

}  // namespace facet
