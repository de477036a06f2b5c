#include "quant/quantizer.h"

#include <algorithm>
#include <unordered_set>

#include "model/model.h"
#include "quant/calibrate.h"
#include "quant/config_files.h"
#include "quant/exclusion.h"
#include "quant/export.h"
#include "quant/nvfp4_unit.h"
#include "quant/round_to_nearest.h"

namespace facet {
namespace {

using Scales = std::map<std::string, GroupScales>;  // by the group's name

Result<void> CheckSource(const Checkpoint& source) {
  if (source.format() == WeightFormat::kBf16 && !source.quantization()) return {};
  return Fail(ErrorCode::kUnsupported,
              "{} is quantized already; 'facet dequantize' makes a BF16 checkpoint of it",
              source.folder().string());
}

/// "a, b, c and 20 more"
std::string Names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  const size_t shown = std::min(names.size(), kShown);
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

Scales ChooseScales(const WeightRanges& weights, const InputRanges& inputs,
                    DivisionProfile division, std::vector<std::string>& warnings) {
  Scales scales;
  std::vector<std::string> silent;
  for (const auto& [group, amax] : weights.groups) {
    GroupScales& chosen = scales[group];
    chosen.global_scale = WeightGlobalScale(amax, division);
    const float input_scale = GlobalScale(inputs.at(group), division);
    if (input_scale > 0) {
      chosen.input_scale = input_scale;
    } else {
      silent.push_back(group);
    }
  }
  if (!silent.empty()) {
    warnings.push_back(fmt::format(
        "calibration never reached {} (inputs are all 0): written without input_scale, so their "
        "activations stay unquantized, and engines that need one may refuse the checkpoint",
        Names(silent)));
  }
  return scales;
}

std::span<const std::byte> BytesOf(const std::vector<uint8_t>& bytes) {
  return std::as_bytes(std::span(bytes));
}

/// Quantizes the quantizable, copies the rest.
class WeightExport {
 public:
  WeightExport(const Checkpoint& source, Backend& backend, const QuantizeOptions& options)
      : source_(source), backend_(backend), options_(options) {}

  ShardPlan Plan(const Selection& selection, const Scales& scales) const {
    std::unordered_set<std::string> quantized;
    for (const TensorSpec& linear : selection.quantized) quantized.insert(linear.name);
    std::vector<Unit> units;
    const auto keep = [&](const TensorInfo& tensor) {
      units.push_back(CopiedTensor(source_, tensor));
    };
    std::unordered_set<std::string> placed;
    for (const TensorSpec& spec : TensorSpecs(source_.config())) {
      placed.insert(spec.name);
      if (quantized.contains(spec.name)) {
        units.push_back(QuantizedUnit(spec, scales.at(spec.group)));
      } else if (const TensorInfo* tensor = source_.Find(spec.name); tensor != nullptr) {
        keep(*tensor);
      }
    }
    for (const TensorInfo& tensor : source_.tensors()) {
      if (!placed.contains(tensor.name)) keep(tensor);
    }
    return PlanShards(std::move(units), options_.max_shard_bytes);
  }

 private:
  Unit QuantizedUnit(const TensorSpec& linear, const GroupScales& scales) const {
    return Nvfp4Unit(linear, scales,
                     [this, linear, global = scales.global_scale](SafetensorsWriter& writer) {
                       return WriteMatrix(linear, global, writer);
                     });
  }

  Result<void> WriteMatrix(const TensorSpec& linear, float global_scale,
                           SafetensorsWriter& writer) const {
    FACET_TRY(const Bf16Matrix weight, SourceWeight(source_, linear));
    const QuantizedWeight quantized =
        QuantizeRoundToNearest(weight, global_scale, options_.profile.compat, backend_);
    source_.Release(*source_.Find(linear.name));
    FACET_RETURN_IF_ERROR(writer.Append(linear.module + ".weight", BytesOf(quantized.codes)));
    return writer.Append(linear.module + ".weight_scale", BytesOf(quantized.block_scales));
  }

  const Checkpoint& source_;
  Backend& backend_;
  const QuantizeOptions& options_;
};

/// Scales of the right number, for a plan whose sizes are wanted before there are any.
Scales Placeholders(const Selection& selection) {
  Scales scales;
  for (const TensorSpec& linear : selection.quantized) scales[linear.group].input_scale = 1.0f;
  return scales;
}

Result<ExportedConfigs> MakeConfigs(const Checkpoint& source, const Selection& selection,
                                    const Nvfp4Profile& profile) {
  const QuantizationFacts facts{.profile = profile, .exclude = selection.exclude};
  FACET_TRY(const std::string config, ReadConfigJson(source.folder()));
  ExportedConfigs configs;
  FACET_TRY(configs.config_json, AddQuantizationConfig(config, facts));
  configs.hf_quant_config_json = HfQuantConfigJson(facts);
  return configs;
}

ExportReport Report(const Checkpoint& source, const ShardPlan& plan, const Selection& selection) {
  ExportReport report;
  report.converted = static_cast<int64_t>(selection.quantized.size());
  report.kept = static_cast<int64_t>(source.tensors().size()) - report.converted;
  report.source_bytes = TensorBytes(source);
  report.output_bytes = plan.bytes;
  report.shards = static_cast<int64_t>(plan.shards.size());
  report.exclude = selection.exclude;
  return report;
}

}  // namespace

Result<ExportReport> QuantizeCheckpoint(const Checkpoint& source,
                                        const std::filesystem::path& target,
                                        std::span<const std::vector<int32_t>> sequences,
                                        Backend& backend, const QuantizeOptions& options,
                                        const RunControl& control) {
  FACET_RETURN_IF_ERROR(CheckSource(source));
  const Selection selection = SelectLinears(source.config());
  if (selection.quantized.empty()) {
    return Fail(ErrorCode::kUnsupported, "{}: no weight can be quantized",
                source.folder().string());
  }
  std::vector<std::string> warnings(source.warnings().begin(), source.warnings().end());
  std::ranges::copy(selection.warnings, std::back_inserter(warnings));

  // The target is claimed, and the disk measured, before the hours that calibration can take.
  FACET_TRY(StagedFolder folder, StageTarget(source.folder(), target));
  const WeightExport weight_export(source, backend, options);
  FACET_RETURN_IF_ERROR(CheckSpaceFor(weight_export.Plan(selection, Placeholders(selection)),
                                      source.folder(), folder));
  FACET_TRY(const Model model, Model::Load(source, backend));
  FACET_TRY(const WeightRanges weights,
            MeasureWeights(source, selection.quantized, backend, control));
  if (!weights.all_zero.empty()) {
    warnings.push_back(fmt::format("weights are all zero: {}", Names(weights.all_zero)));
  }
  FACET_TRY(const InputRanges inputs, Calibrate(model, sequences, options.batch_size, control));
  const Scales scales = ChooseScales(weights, inputs, options.profile.division, warnings);
  FACET_TRY(const ExportedConfigs configs, MakeConfigs(source, selection, options.profile));
  const ShardPlan plan = weight_export.Plan(selection, scales);
  FACET_RETURN_IF_ERROR(
      Export(plan, configs, source.folder(), std::move(folder), "quantize", control));
  ExportReport report = Report(source, plan, selection);
  report.warnings = std::move(warnings);
  return report;
}

}  // namespace facet
