#include "quant/config_files.h"

#include <nlohmann/json.hpp>

namespace facet {
namespace {

using nlohmann::ordered_json;

constexpr int kModeloptIndent = 4;      // as modelopt writes hf_quant_config.json
constexpr int kTransformersIndent = 2;  // as transformers writes config.json
constexpr const char* kKey = "quantization_config";
constexpr const char* kOlderKey = "compression_config";  // compressed-tensors' before it was merged

/// Readers (vLLM, TensorRT-LLM) accept these files only from the producer "modelopt", whose layout
/// and arithmetic they are; the version says which of its releases. `written_by` says who wrote.
ordered_json Producer(ModeloptCompat compat) {
  return {{"name", "modelopt"}, {"version", compat == ModeloptCompat::k044 ? "0.44.0" : "0.45.0"}};
}

ordered_json Writer(const QuantizationFacts& facts) {
  if (!facts.measured) return {{"name", "facet"}, {"method", "synth"}};
  return {{"name", "facet"},
          {"method", "max"},
          {"division", facts.profile.division == DivisionProfile::kDiv ? "div" : "mul_rcp"}};
}

ordered_json QuantizationObject(const QuantizationFacts& facts) {
  const ordered_json scheme = {
      {"dynamic", false}, {"num_bits", 4}, {"type", "float"}, {"group_size", kNvfp4Block}};
  const ordered_json group = {
      {"input_activations", scheme}, {"weights", scheme}, {"targets", {"Linear"}}};
  return {{"config_groups", {{"group_0", group}}},
          {"ignore", facts.exclude},
          {"quant_algo", "NVFP4"},
          {"producer", Producer(facts.profile.compat)},
          {"quant_method", "modelopt"}};
}

Result<ordered_json> ParseObject(std::string_view text) {
  ordered_json parsed = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Fail(ErrorCode::kInvalidData, "config.json: not a JSON object");
  return parsed;
}

}  // namespace

std::string HfQuantConfigJson(const QuantizationFacts& facts) {
  const ordered_json file = {{"producer", Producer(facts.profile.compat)},
                             {"quantization",
                              {{"quant_algo", "NVFP4"},
                               {"kv_cache_quant_algo", nullptr},
                               {"group_size", kNvfp4Block},
                               {"exclude_modules", facts.exclude}}},
                             {"written_by", Writer(facts)}};
  return file.dump(kModeloptIndent) + "\n";
}

Result<std::string> AddQuantizationConfig(std::string_view config_json,
                                          const QuantizationFacts& facts) {
  FACET_TRY(ordered_json config, ParseObject(config_json));
  config[kKey] = QuantizationObject(facts);
  return config.dump(kTransformersIndent) + "\n";
}

Result<std::string> RemoveQuantizationConfig(std::string_view config_json) {
  FACET_TRY(ordered_json config, ParseObject(config_json));
  config.erase(kKey);
  config.erase(kOlderKey);
  return config.dump(kTransformersIndent) + "\n";
}

}  // namespace facet
