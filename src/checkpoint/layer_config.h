// The per-layer part of config.json. Internal to model_config.cc.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/json_reader.h"
#include "checkpoint/model_config.h"

namespace facet {

/// Reads the layers of a text_config: kinds, head counts and sizes in both spellings
/// (global_head_dim and num_global_key_value_heads, or per_layer_config), windows and rotation.
Result<std::vector<LayerConfig>> ParseLayers(const JsonObject& text,
                                             std::vector<std::string>& warnings);

}  // namespace facet
