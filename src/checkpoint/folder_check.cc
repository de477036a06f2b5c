// The checks of what surrounds the tensors: index, configuration files, exclusion lists, values.
#include <algorithm>
#include <set>

#include "checkpoint/json_reader.h"
#include "checkpoint/linear_parts.h"
#include "checkpoint/shard_set.h"
#include "checkpoint/static_check.h"
#include "checkpoint/tensor_specs.h"

namespace facet {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;
constexpr std::string_view kHfQuantFile = "hf_quant_config.json";
constexpr std::string_view kConfigFile = "config.json";

/// A JSON file of the folder; nothing if it is not there or not readable (Open() said so).
std::optional<nlohmann::json> ReadJson(const Checkpoint& checkpoint, std::string_view name) {
  const Result<std::string> text = ReadFile(checkpoint.folder() / name, kMaxConfigBytes);
  if (!text) return std::nullopt;
  Result<nlohmann::json> parsed = ParseJsonObject(*text);
  return parsed ? std::optional(*std::move(parsed)) : std::nullopt;
}

/// What each of the two files states.
struct Statements {
  std::optional<QuantConfig> own;     // hf_quant_config.json
  std::optional<QuantConfig> config;  // config.json, quantization_config
};

Statements ReadStatements(const Checkpoint& checkpoint) {
  Statements statements;
  const auto read = [&](std::string_view name) {
    return ReadFile(checkpoint.folder() / name, kMaxConfigBytes);
  };
  if (const auto text = read(kHfQuantFile)) {
    if (auto parsed = QuantConfig::ParseHfQuantConfig(*text)) statements.own = *std::move(parsed);
  }
  if (const auto text = read(kConfigFile)) {
    if (auto parsed = QuantConfig::ParseConfigJson(*text)) statements.config = *std::move(parsed);
  }
  return statements;
}

/// Readers that build the model before they see the weights need both files.
void CheckStated(const Checkpoint& checkpoint, const Statements& statements, Findings& findings) {
  const bool quantized = checkpoint.format() != WeightFormat::kBf16;
  const bool stated = statements.own || statements.config;
  if (!quantized) {
    if (stated) {
      findings.Add(Severity::kError, "not_quantized", checkpoint.folder().string(),
                   "the configuration states a quantization, but every weight is BF16");
    }
    return;
  }
  if (!stated) {
    findings.Add(Severity::kError, "quantization_not_stated", checkpoint.folder().string(),
                 "weights are NVFP4, but neither {} nor {} says so", kHfQuantFile, kConfigFile);
    return;
  }
  if (!statements.config) {
    findings.Add(Severity::kWarning, "quantization_config_missing", kConfigFile,
                 "no quantization_config: some readers look only there");
  }
  const bool modelopt = checkpoint.format() == WeightFormat::kNvfp4Modelopt;
  if (modelopt && !statements.own) {
    findings.Add(Severity::kWarning, "hf_quant_config_missing", kHfQuantFile,
                 "not there: some readers look only there");
  }
  const QuantLayout layout = modelopt ? QuantLayout::kModelopt : QuantLayout::kCompressedTensors;
  for (const auto& statement : {statements.own, statements.config}) {
    if (!statement || statement->layout == layout) continue;
    findings.Add(Severity::kError, "layout_mismatch", checkpoint.folder().string(),
                 "the tensors are in {} layout, the configuration states {}",
                 modelopt ? "modelopt" : "compressed-tensors",
                 modelopt ? "compressed-tensors" : "modelopt");
  }
}

void CheckAgreement(const Statements& statements, Findings& findings) {
  if (!statements.own || !statements.config) return;
  if (statements.own->algorithm != statements.config->algorithm) {
    findings.Add(Severity::kError, "quant_algo_differs", kHfQuantFile, "{}, but {} in {}",
                 statements.own->algorithm, statements.config->algorithm, kConfigFile);
  }
  const std::set<std::string> own(statements.own->exclude.begin(), statements.own->exclude.end());
  const std::set<std::string> other(statements.config->exclude.begin(),
                                    statements.config->exclude.end());
  std::vector<std::string> differing;
  std::ranges::set_symmetric_difference(own, other, std::back_inserter(differing));
  if (differing.empty()) return;
  findings.Add(Severity::kError, "exclusion_lists_differ", kHfQuantFile,
               "{} entries are in only one of exclude_modules and {}'s ignore; the first is \"{}\"",
               differing.size(), kConfigFile, differing.front());
}

/// vLLM refuses an NVFP4 checkpoint whose file lacks one of these, null included.
void CheckRequiredKeys(const Checkpoint& checkpoint, Findings& findings) {
  const auto file = ReadJson(checkpoint, kHfQuantFile);
  if (!file || !file->contains("quantization")) return;
  const nlohmann::json& object = (*file)["quantization"];
  for (const char* key : {"group_size", "kv_cache_quant_algo", "exclude_modules"}) {
    if (object.contains(key)) continue;
    findings.Add(Severity::kError, "hf_quant_config_key_missing", kHfQuantFile,
                 "quantization.{} is missing, which vLLM requires", key);
  }
}

/// The lists name modules as the reference implementation does, the files as the hub does.
bool IsExcluded(const QuantConfig& config, const std::string& module) {
  constexpr std::string_view kHub = "model.vision_embedder.";
  if (config.Excludes(module)) return true;
  if (!module.starts_with(kHub)) return false;
  return config.Excludes("model.embed_vision." + module.substr(kHub.size()));
}

/// Modules of the multimodal front ends that are linears in the reference implementation.
std::vector<std::string> KeptLinears(const ModelConfig& config) {
  std::vector<std::string> modules = {"lm_head"};
  if (config.vision) {
    modules.push_back("model.vision_embedder.patch_dense");
    modules.push_back("model.embed_vision.embedding_projection");
  }
  if (config.audio) modules.push_back("model.embed_audio.embedding_projection");
  return modules;
}

void CheckExclusions(const Checkpoint& checkpoint, const QuantConfig& config, Findings& findings) {
  for (const std::string& module : KeptLinears(checkpoint.config())) {
    if (IsExcluded(config, module)) continue;
    // The output layer is tied to the embedding, so some readers manage without the entry.
    const bool head = module == "lm_head";
    findings.Add(head ? Severity::kWarning : Severity::kError, "not_excluded", module,
                 "is not quantized and not in the exclusion list: other readers expect NVFP4 here");
  }
  for (const TensorSpec& spec : TensorSpecs(checkpoint.config())) {
    if (spec.kind != TensorKind::kLinear) continue;
    const Result<LinearParts> parts = FindLinear(checkpoint, spec.module);
    if (!parts) continue;
    const bool excluded = IsExcluded(config, spec.module);
    if (parts->quantized() && excluded) {
      findings.Add(Severity::kError, "excluded_but_quantized", spec.module,
                   "the exclusion list names it, but it is NVFP4; facet reads it, others do not");
    }
    if (!parts->quantized() && !excluded) {
      findings.Add(Severity::kError, "not_excluded", spec.module,
                   "is BF16 and not in the exclusion list: other readers expect NVFP4 here");
    }
  }
}

void CheckTotalSize(const Checkpoint& checkpoint, Findings& findings) {
  const Result<ShardSet> set = ShardSet::Open(checkpoint.folder());
  if (!set || !set->index || !set->index->total_size) return;
  int64_t bytes = 0;
  for (const Shard& shard : set->shards) {
    for (const SafetensorsEntry& entry : shard.header.tensors) {
      const auto found = set->index->weight_map.find(entry.name);
      const bool used = found != set->index->weight_map.end() && found->second == shard.name;
      if (used) bytes += static_cast<int64_t>(entry.end - entry.begin);
    }
  }
  if (bytes == *set->index->total_size) return;
  findings.Add(Severity::kWarning, "index_total_size", kIndexFile,
               "metadata.total_size is {}, the tensors it names have {} bytes",
               *set->index->total_size, bytes);
}

}  // namespace

void CheckFolder(const Checkpoint& checkpoint, Findings& findings) {
  for (const std::string& warning : checkpoint.warnings()) {
    findings.Add(Severity::kWarning, "opening", checkpoint.folder().string(), "{}", warning);
  }
  CheckTotalSize(checkpoint, findings);
  for (const char* name : {"tokenizer.json", "generation_config.json"}) {
    std::error_code ignored;
    if (std::filesystem::exists(checkpoint.folder() / name, ignored)) continue;
    findings.Add(Severity::kWarning, "missing_file", name, "not there");
  }
}

void CheckQuantizationFiles(const Checkpoint& checkpoint, Findings& findings) {
  const Statements statements = ReadStatements(checkpoint);
  CheckStated(checkpoint, statements, findings);
  CheckAgreement(statements, findings);
  if (checkpoint.format() == WeightFormat::kBf16) return;
  CheckRequiredKeys(checkpoint, findings);
  const auto& config = statements.own ? statements.own : statements.config;
  if (config) CheckExclusions(checkpoint, *config, findings);
}

}  // namespace facet
