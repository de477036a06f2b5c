#include "quant/synthesizer.h"

#include <unordered_set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensor_specs.h"
#include "quant/config_files.h"
#include "quant/exclusion.h"
#include "quant/export.h"
#include "quant/nvfp4_unit.h"
#include "quant/synth_rules.h"
#include "quant/tensor_filler.h"
#include "tensor/nvfp4.h"

namespace facet {
namespace {

constexpr int64_t kBlockBytes = kNvfp4Block / 2;

std::span<uint16_t> AsBf16(std::span<uint8_t> bytes) {
  return {reinterpret_cast<uint16_t*>(bytes.data()), bytes.size() / sizeof(uint16_t)};
}

/// The tensors of a plan, each with the formula that fills it.
class Tensors {
 public:
  Tensors(uint64_t seed, TensorFiller& filler) : seed_(seed), filler_(filler) {}

  Unit Plain(const TensorSpec& spec) const {
    const auto write = [this, spec, key = SynthKey(seed_, spec.name),
                        distribution = SynthDistributionOf(spec)](SafetensorsWriter& writer) {
      const int64_t bytes = BytesOf(DType::kBF16, spec.shape);
      return filler_.Append(writer, spec.name, bytes, [&](int64_t first, std::span<uint8_t> out) {
        FillSynthBf16(key, distribution, first / 2, AsBf16(out));
      });
    };
    return {.pieces = {{.tensors = {{spec.name, DType::kBF16, spec.shape}}, .write = write}}};
  }

  Unit Quantized(const TensorSpec& linear) const {
    return Nvfp4Unit(
        linear, SynthScalesOf(seed_, linear),
        [this, linear](SafetensorsWriter& writer) { return WriteMatrix(linear, writer); });
  }

 private:
  Result<void> WriteMatrix(const TensorSpec& linear, SafetensorsWriter& writer) const {
    const std::string scale_name = linear.module + ".weight_scale";
    const uint64_t code_key = SynthKey(seed_, linear.name);
    const uint64_t scale_key = SynthKey(seed_, scale_name);
    const int64_t blocks = linear.shape.elements() / kNvfp4Block;
    FACET_RETURN_IF_ERROR(filler_.Append(writer, linear.name, blocks * kBlockBytes,
                                         [&](int64_t first, std::span<uint8_t> out) {
                                           FillSynthCodes(code_key, first / kBlockBytes, out);
                                         }));
    return filler_.Append(writer, scale_name, blocks, [&](int64_t first, std::span<uint8_t> out) {
      FillSynthBlockScales(scale_key, first, out);
    });
  }

  uint64_t seed_;
  TensorFiller& filler_;
};

ShardPlan Plan(const std::vector<TensorSpec>& specs, const Selection& selection,
               const Tensors& tensors, int64_t max_shard_bytes) {
  std::unordered_set<std::string> quantized;
  for (const TensorSpec& linear : selection.quantized) quantized.insert(linear.name);
  std::vector<Unit> units;
  for (const TensorSpec& spec : specs) {
    units.push_back(quantized.contains(spec.name) ? tensors.Quantized(spec) : tensors.Plain(spec));
  }
  return PlanShards(std::move(units), max_shard_bytes);
}

/// Says in the folder itself what it is, for whoever finds it later.
std::string ReadMe(const SynthModel& model, const SynthOptions& options) {
  return fmt::format(
      "Synthetic weights: no training, no knowledge, nobody's model. Made by facet synth --like {} "
      "--format {} --seed {}.\nNames, shapes, types and configuration are those of the model; "
      "every "
      "number follows from a formula (docs/synth.md of facet).\n",
      model.name, options.format == SynthFormat::kBf16 ? "bf16" : "nvfp4", options.seed);
}

Result<std::vector<ExportedFile>> Files(const SynthModel& model, const SynthOptions& options,
                                        const Selection& selection) {
  std::vector<ExportedFile> files = {
      {"README.md", ReadMe(model, options)},
      {"config.json", model.config_json},
      {"generation_config.json", model.generation_config_json},
      {"processor_config.json", model.processor_config_json},
      {"tokenizer_config.json", model.tokenizer_config_json},
      {"tokenizer.json", SynthTokenizerJson(model.vocabulary, options.seed)}};
  if (selection.quantized.empty()) return files;
  const QuantizationFacts facts{.profile = {}, .exclude = selection.exclude, .measured = false};
  FACET_TRY(files[1].contents, AddQuantizationConfig(model.config_json, facts));
  files.push_back({"hf_quant_config.json", HfQuantConfigJson(facts)});
  return files;
}

int64_t BytesOnDisk(const ShardPlan& plan, const std::vector<ExportedFile>& files) {
  int64_t bytes = facet::BytesOnDisk(plan);
  for (const ExportedFile& file : files) bytes += static_cast<int64_t>(file.contents.size());
  return bytes;
}

}  // namespace

Result<SynthReport> SynthesizeCheckpoint(const SynthModel& model, const SynthOptions& options,
                                         const std::filesystem::path& target, ThreadPool& threads,
                                         const RunControl& control) {
  FACET_TRY(const ModelConfig config, ModelConfig::Parse(model.config_json));
  Selection selection;
  if (options.format == SynthFormat::kNvfp4) selection = SelectLinears(config);
  const std::vector<TensorSpec> specs = TensorSpecs(config);

  FACET_TRY(StagedFolder folder, StagedFolder::Create(target));
  TensorFiller filler(threads, control);
  const Tensors tensors(options.seed, filler);
  const ShardPlan plan = Plan(specs, selection, tensors, options.max_shard_bytes);
  filler.ExpectBytes(plan.bytes);
  FACET_TRY(const std::vector<ExportedFile> files, Files(model, options, selection));
  FACET_RETURN_IF_ERROR(CheckFreeSpace(folder.path(), BytesOnDisk(plan, files)));
  // The filler reports, in bytes: tensors are too different in size to tell the time left.
  const RunControl quiet{.progress = {}, .cancelled = control.cancelled};
  FACET_RETURN_IF_ERROR(ExportWithFiles(plan, files, std::move(folder), "synth", quiet));

  SynthReport report{.layers = static_cast<int64_t>(config.layers.size()),
                     .tensors = plan.tensors,
                     .quantized = static_cast<int64_t>(selection.quantized.size()),
                     .parameters = 0,
                     .output_bytes = plan.bytes,
                     .shards = static_cast<int64_t>(plan.shards.size())};
  for (const TensorSpec& spec : specs) report.parameters += spec.shape.elements();
  return report;
}

}  // namespace facet
