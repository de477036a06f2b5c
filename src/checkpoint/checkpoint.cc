#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <unordered_set>

#include "checkpoint/shard_set.h"
#include "checkpoint/tensor_specs.h"

namespace facet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxConfigBytes = 4 << 20;

/// Reads and parses a file of the folder; nothing if it is not there. Errors name the file.
template <typename Parse>
auto ParseOptional(const fs::path& path, Parse parse)
    -> Result<std::optional<typename decltype(parse(std::string()))::value_type>> {
  using Value = typename decltype(parse(std::string()))::value_type;
  Result<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::optional<Value>();
  if (!text) return tl::unexpected<Error>(std::move(text.error()));
  Result<Value> value = parse(*text);
  if (!value) return Propagate(std::move(value), path.string());
  return std::optional<Value>(*std::move(value));
}

Result<ProcessorConfig> OpenProcessor(const fs::path& folder) {
  for (const std::string_view name : {"processor_config.json", "preprocessor_config.json"}) {
    FACET_TRY(const auto config, ParseOptional(folder / name, ProcessorConfig::Parse));
    if (config) return *config;
  }
  return ProcessorConfig();
}

Result<std::optional<QuantConfig>> OpenQuantization(const fs::path& folder,
                                                    const std::string& config_json) {
  FACET_TRY(std::optional<QuantConfig> own,
            ParseOptional(folder / "hf_quant_config.json", QuantConfig::ParseHfQuantConfig));
  Result<std::optional<QuantConfig>> stated = QuantConfig::ParseConfigJson(config_json);
  if (!stated) return Propagate(std::move(stated), (folder / "config.json").string());
  return own ? own : *stated;
}

bool IsQuantizationTensor(std::string_view name) {
  constexpr std::string_view kSuffixes[] = {".weight_packed",  ".weight_scale",
                                            ".weight_scale_2", ".weight_global_scale",
                                            ".input_scale",    ".input_global_scale"};
  return std::ranges::any_of(kSuffixes, [&](auto suffix) { return name.ends_with(suffix); });
}

/// Tensors that the model does not have are kept, for reports, and named once.
void WarnOfUnknown(const ModelConfig& config, std::span<const TensorInfo> tensors,
                   std::vector<std::string>& warnings) {
  std::unordered_set<std::string> known;
  for (const TensorSpec& spec : TensorSpecs(config)) known.insert(spec.name);
  const std::string* first = nullptr;
  int64_t count = 0;
  for (const TensorInfo& tensor : tensors) {
    const bool expected = known.contains(tensor.name) || IsQuantizationTensor(tensor.name) ||
                          tensor.name.starts_with("lm_head.");
    if (expected) continue;
    if (first == nullptr) first = &tensor.name;
    ++count;
  }
  if (count > 0) {
    warnings.push_back(fmt::format("{} tensors that the model does not have, the first is {}",
                                   count, first->substr(0, 100)));
  }
}

/// Collects the tensors that the index names from the shards.
class TensorCollector {
 public:
  explicit TensorCollector(const std::optional<ShardIndex>& index) : index_(index) {}

  void Add(const Shard& shard, int number, std::vector<std::string>& warnings) {
    const auto data = shard.file.bytes().subspan(shard.header.data_start);
    int64_t ignored = 0;
    for (const SafetensorsEntry& entry : shard.header.tensors) {
      if (!IsNamed(entry.name, shard.name)) {
        ++ignored;
        continue;
      }
      ++found_;
      std::string name = HubName(entry.name);
      if (IsVestigial(name)) continue;
      tensors_.push_back({.name = std::move(name),
                          .dtype = entry.dtype,
                          .shape = entry.shape,
                          .bytes = data.subspan(entry.begin, entry.end - entry.begin),
                          .shard = number});
    }
    if (ignored > 0) {
      warnings.push_back(fmt::format("{}: {} tensors are not used: {} does not place them here",
                                     shard.name, ignored, kIndexFile));
    }
  }

  Result<std::vector<TensorInfo>> Finish(const std::vector<Shard>& shards) {
    if (index_ && found_ != index_->weight_map.size()) return MissingTensor(shards);
    std::ranges::sort(tensors_, {}, &TensorInfo::name);
    const auto twice = std::ranges::adjacent_find(tensors_, {}, &TensorInfo::name);
    if (twice != tensors_.end()) {
      return Fail(ErrorCode::kInvalidData, "tensor {} is there under two names", twice->name);
    }
    return std::move(tensors_);
  }

 private:
  bool IsNamed(const std::string& tensor, const std::string& shard) const {
    if (!index_) return true;
    const auto found = index_->weight_map.find(tensor);
    return found != index_->weight_map.end() && found->second == shard;
  }

  tl::unexpected<Error> MissingTensor(const std::vector<Shard>& shards) const {
    std::unordered_set<std::string> present;
    for (const Shard& shard : shards) {
      for (const SafetensorsEntry& entry : shard.header.tensors) {
        if (IsNamed(entry.name, shard.name)) present.insert(entry.name);
      }
    }
    for (const auto& [tensor, shard] : index_->weight_map) {
      if (present.contains(tensor)) continue;
      return Fail(ErrorCode::kInvalidData, "{} places tensor {} in {}, which does not hold it",
                  kIndexFile, tensor.substr(0, 100), shard);
    }
    return Fail(ErrorCode::kInvalidData, "{} does not match the shards", kIndexFile);
  }

  const std::optional<ShardIndex>& index_;
  std::vector<TensorInfo> tensors_;
  size_t found_ = 0;
};

WeightFormat FormatOf(std::span<const TensorInfo> tensors) {
  const auto any = [&](auto test) { return std::ranges::any_of(tensors, test); };
  if (any([](const TensorInfo& tensor) { return tensor.name.ends_with(".weight_packed"); })) {
    return WeightFormat::kNvfp4CompressedTensors;
  }
  const bool codes = any([](const TensorInfo& tensor) {
    return tensor.name.ends_with(".weight") && tensor.dtype == DType::kU8;
  });
  return codes ? WeightFormat::kNvfp4Modelopt : WeightFormat::kBf16;
}

}  // namespace

Result<Checkpoint> Checkpoint::Open(const fs::path& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  const fs::path config_path = folder / "config.json";
  FACET_TRY(const std::string config_json, ReadFile(config_path, kMaxConfigBytes));
  Result<ModelConfig> config = ModelConfig::Parse(config_json);
  if (!config) return Propagate(std::move(config), config_path.string());
  checkpoint.config_ = *std::move(config);
  checkpoint.warnings_ = checkpoint.config_.warnings;

  const int64_t vocabulary = checkpoint.config_.vocabulary;
  FACET_TRY(const auto generation,
            ParseOptional(folder / "generation_config.json", [&](std::string_view text) {
              return GenerationConfig::Parse(text, vocabulary);
            }));
  checkpoint.generation_ = generation.value_or(GenerationConfig());
  FACET_TRY(checkpoint.processor_, OpenProcessor(folder));
  FACET_TRY(checkpoint.quantization_, OpenQuantization(folder, config_json));

  FACET_TRY(ShardSet set, ShardSet::Open(folder));
  std::ranges::move(set.warnings, std::back_inserter(checkpoint.warnings_));
  TensorCollector collector(set.index);
  for (size_t i = 0; i < set.shards.size(); ++i) {
    collector.Add(set.shards[i], static_cast<int>(i), checkpoint.warnings_);
  }
  Result<std::vector<TensorInfo>> tensors = collector.Finish(set.shards);
  if (!tensors) return Propagate(std::move(tensors), folder.string());
  checkpoint.tensors_ = *std::move(tensors);
  for (Shard& shard : set.shards) {
    checkpoint.shard_names_.push_back(std::move(shard.name));
    checkpoint.shards_.push_back(std::move(shard.file));
  }
  checkpoint.format_ = FormatOf(checkpoint.tensors_);
  WarnOfUnknown(checkpoint.config_, checkpoint.tensors_, checkpoint.warnings_);
  return checkpoint;
}

const TensorInfo* Checkpoint::Find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      tensors_, name, {}, [](const TensorInfo& tensor) { return std::string_view(tensor.name); });
  return found == tensors_.end() || found->name != name ? nullptr : &*found;
}

void Checkpoint::Release(const TensorInfo& tensor) const {
  const MappedFile& file = shards_[static_cast<size_t>(tensor.shard)];
  file.Release(static_cast<size_t>(tensor.bytes.data() - file.bytes().data()), tensor.bytes.size());
}

}  // namespace facet
