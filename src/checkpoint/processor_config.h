// processor_config.json (or preprocessor_config.json): how images and sound are cut into tokens.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace facet {

struct ProcessorConfig {
  int64_t image_patch_size = 16;        ///< pixels
  int64_t image_pooling = 3;            ///< patches of patch_size a side in one soft token
  int64_t image_max_soft_tokens = 280;  ///< budget: 70, 140, 280, 560 or 1120
  int64_t audio_sampling_rate = 16000;  ///< Hz
  int64_t audio_samples_per_token = 640;
  int64_t audio_max_tokens = 750;  ///< audio_seq_length

  /// Parses the text of a processor_config.json; keys that are absent keep the defaults above.
  static Result<ProcessorConfig> Parse(std::string_view json);
};

}  // namespace facet
