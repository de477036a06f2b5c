// Any bytes as each of the configuration files: parsed or refused. The first byte chooses the file.
#include <cstdint>
#include <string_view>

#include "checkpoint/generation_config.h"
#include "checkpoint/model_config.h"
#include "checkpoint/processor_config.h"
#include "checkpoint/quant_config.h"
#include "checkpoint/shard_set.h"
#include "checkpoint/tensor_specs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto config = facet::ModelConfig::Parse(text)) facet::TensorSpecs(*config);
      break;
    case 1:
      static_cast<void>(facet::GenerationConfig::Parse(text, 1000));
      break;
    case 2:
      static_cast<void>(facet::ProcessorConfig::Parse(text));
      break;
    case 3:
      if (const auto config = facet::QuantConfig::ParseHfQuantConfig(text)) {
        config->Excludes("model.language_model.layers.0.mlp.up_proj");
      }
      break;
    case 4: {
      const auto config = facet::QuantConfig::ParseConfigJson(text);
      if (config && *config) (*config)->Excludes("model.language_model.layers.0.mlp.up_proj");
      break;
    }
    default:
      static_cast<void>(facet::ShardIndex::Parse(text));
  }
  return 0;
}
