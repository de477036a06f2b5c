#include "checkpoint/quant_config.h"

#include <algorithm>

#include "checkpoint/json_reader.h"
#include "checkpoint/name_pattern.h"
#include "tensor/nvfp4.h"

namespace facet {
namespace {

using nlohmann::json;

constexpr size_t kMaxExclude = 1000;
constexpr std::string_view kRegexPrefix = "re:";
constexpr std::string_view kCompressedFormat = "nvfp4-pack-quantized";

Result<std::string> ParseProducer(const JsonObject& object) {
  FACET_TRY(const std::optional<JsonObject> producer, object.OptionalObject("producer"));
  if (!producer) return std::string();
  FACET_TRY(const std::string name, producer->StringOr("name", ""));
  FACET_TRY(const std::string version, producer->StringOr("version", ""));
  return version.empty() ? name : fmt::format("{} {}", name, version);
}

tl::unexpected<Error> Unsupported(const JsonObject& object, std::string_view key,
                                  std::string_view supported) {
  const json* value = object.Get(key);
  return Fail(ErrorCode::kUnsupported, "{} is {}, facet reads {}", object.PathOf(key),
              value == nullptr ? "missing" : Shown(*value), supported);
}

Result<std::string> ParseAlgorithm(const JsonObject& object) {
  FACET_TRY(std::string algorithm, object.String("quant_algo"));
  if (algorithm != "NVFP4" && algorithm != "W4A16_NVFP4") {
    return Unsupported(object, "quant_algo", "NVFP4 and W4A16_NVFP4");
  }
  return algorithm;
}

Result<void> CheckGroupSize(const JsonObject& object) {
  FACET_TRY(const std::optional<int64_t> size, object.OptionalInt("group_size", {0, 1 << 20}));
  if (size.value_or(kNvfp4Block) != kNvfp4Block) {
    return Unsupported(object, "group_size", fmt::format("{}", kNvfp4Block));
  }
  return {};
}

/// A quantized key/value cache changes the arithmetic, so it is refused rather than ignored.
Result<void> CheckNoKvCache(const JsonObject& object, std::string_view key) {
  if (!object.Has(key)) return {};
  return Fail(ErrorCode::kUnsupported,
              "{} is {}: facet does not read checkpoints with a quantized key/value cache",
              object.PathOf(key), Shown(*object.Get(key)));
}

Result<void> CheckWeightScheme(const JsonObject& weights) {
  FACET_RETURN_IF_ERROR(CheckGroupSize(weights));
  FACET_TRY(const std::optional<int64_t> bits, weights.OptionalInt("num_bits", {0, 64}));
  if (bits.value_or(4) != 4) return Unsupported(weights, "num_bits", "4");
  FACET_TRY(const std::string type, weights.StringOr("type", "float"));
  if (type != "float") return Unsupported(weights, "type", "\"float\"");
  return {};
}

Result<void> CheckGroups(const JsonObject& object) {
  FACET_TRY(const std::optional<JsonObject> groups, object.OptionalObject("config_groups"));
  if (!groups) return {};
  for (const auto& [name, ignored] : groups->value().items()) {
    FACET_TRY(const JsonObject group, groups->Object(name));
    FACET_TRY(const std::string format, group.StringOr("format", kCompressedFormat));
    if (format != kCompressedFormat) return Unsupported(group, "format", kCompressedFormat);
    FACET_TRY(const std::optional<JsonObject> weights, group.OptionalObject("weights"));
    if (weights) FACET_RETURN_IF_ERROR(CheckWeightScheme(*weights));
  }
  return {};
}

Result<QuantConfig> ParseModelopt(const JsonObject& object) {
  QuantConfig config;
  FACET_TRY(config.algorithm, ParseAlgorithm(object));
  FACET_TRY(config.producer, ParseProducer(object));
  FACET_TRY(config.exclude, object.Strings("ignore", kMaxExclude));
  return config;
}

Result<QuantConfig> ParseCompressedTensors(const JsonObject& object) {
  QuantConfig config;
  config.layout = QuantLayout::kCompressedTensors;
  FACET_TRY(config.algorithm, object.String("format"));
  if (config.algorithm != kCompressedFormat) {
    return Unsupported(object, "format", kCompressedFormat);
  }
  FACET_TRY(const std::string version, object.StringOr("version", ""));
  config.producer = version.empty() ? "" : "compressed-tensors " + version;
  FACET_TRY(config.exclude, object.Strings("ignore", kMaxExclude));
  for (const std::string& pattern : config.exclude) {
    if (!pattern.starts_with(kRegexPrefix)) continue;
    if (auto checked = CheckRegex(pattern.substr(kRegexPrefix.size())); !checked) {
      return Propagate(std::move(checked), object.PathOf("ignore"));
    }
  }
  return config;
}

}  // namespace

Result<QuantConfig> QuantConfig::ParseHfQuantConfig(std::string_view text) {
  FACET_TRY(const json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  FACET_TRY(const JsonObject object, root.Object("quantization"));
  QuantConfig config;
  FACET_TRY(config.algorithm, ParseAlgorithm(object));
  FACET_RETURN_IF_ERROR(CheckNoKvCache(object, "kv_cache_quant_algo"));
  FACET_RETURN_IF_ERROR(CheckGroupSize(object));
  FACET_TRY(config.producer, ParseProducer(root));
  FACET_TRY(config.exclude, object.Strings("exclude_modules", kMaxExclude));
  return config;
}

Result<std::optional<QuantConfig>> QuantConfig::ParseConfigJson(std::string_view text) {
  FACET_TRY(const json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  FACET_TRY(const std::optional<JsonObject> object, root.OptionalObject("quantization_config"));
  if (!object) return std::optional<QuantConfig>();
  FACET_RETURN_IF_ERROR(CheckNoKvCache(*object, "kv_cache_scheme"));
  FACET_RETURN_IF_ERROR(CheckGroups(*object));
  FACET_TRY(const std::string method, object->String("quant_method"));
  if (method == "compressed-tensors") {
    FACET_TRY(QuantConfig config, ParseCompressedTensors(*object));
    return std::optional<QuantConfig>(std::move(config));
  }
  if (method != "modelopt" && method != "modelopt_fp4") {
    return Unsupported(*object, "quant_method", "\"modelopt\" and \"compressed-tensors\"");
  }
  FACET_TRY(QuantConfig config, ParseModelopt(*object));
  return std::optional<QuantConfig>(std::move(config));
}

bool QuantConfig::Excludes(std::string_view module) const {
  const auto matches = [&](const std::string& pattern) {
    if (layout == QuantLayout::kModelopt) return MatchesGlob(pattern, module);
    if (!pattern.starts_with(kRegexPrefix)) return pattern == module;
    return MatchesRegex(pattern.substr(kRegexPrefix.size()), module);
  };
  return std::ranges::any_of(exclude, matches);
}

}  // namespace facet
