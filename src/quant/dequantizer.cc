#include "quant/dequantizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "checkpoint/tensor_specs.h"
#include "quant/config_files.h"
#include "quant/export.h"
#include "tensor/bf16.h"

namespace facet {
namespace {

/// Tensors beside a packed weight, in both layouts.
constexpr std::array<std::string_view, 6> kPartEndings = {".weight_packed",  ".weight_scale",
                                                          ".weight_scale_2", ".weight_global_scale",
                                                          ".input_scale",    ".input_global_scale"};

std::vector<uint16_t> Dequantize(const Nvfp4Matrix& matrix, ThreadPool& threads) {
  std::vector<uint16_t> values(static_cast<size_t>(matrix.rows * matrix.cols));
  constexpr int64_t kRowsAtOnce = 16;
  threads.ParallelFor(matrix.rows, kRowsAtOnce, [&](int64_t begin, int64_t end, int) {
    std::vector<float> row(static_cast<size_t>(matrix.cols));
    for (int64_t r = begin; r < end; ++r) {
      DequantizeRow(matrix, r, row);
      uint16_t* out = values.data() + r * matrix.cols;
      std::ranges::transform(row, out, Bf16FromFloat);
    }
  });
  return values;
}

/// Splits a checkpoint's tensors into the plan of the new one.
class Dequantization {
 public:
  Dequantization(const Checkpoint& source, ThreadPool& threads)
      : source_(source), threads_(threads) {}

  Result<ShardPlan> Plan(int64_t max_shard_bytes) {
    for (const TensorSpec& spec : TensorSpecs(source_.config())) {
      FACET_RETURN_IF_ERROR(Place(spec));
    }
    for (const TensorInfo& tensor : source_.tensors()) {
      if (!placed_.contains(tensor.name)) KeepOrDrop(tensor);
    }
    if (dropped_ > 0) {
      report_.warnings.push_back(
          fmt::format("{} tensors of a quantization that the model does not use are left out, the "
                      "first is {}",
                      dropped_, first_dropped_));
    }
    return PlanShards(std::move(units_), max_shard_bytes);
  }

  ExportReport& report() { return report_; }

 private:
  Result<void> Place(const TensorSpec& spec) {
    placed_.insert(spec.name);
    if (spec.kind == TensorKind::kLinear) return PlaceLinear(spec);
    const TensorInfo* tensor = source_.Find(spec.name);
    if (tensor == nullptr) return Fail(ErrorCode::kInvalidData, "tensor {} is missing", spec.name);
    Keep(*tensor);
    return {};
  }

  Result<void> PlaceLinear(const TensorSpec& spec) {
    FACET_TRY(const Weight weight, source_.Linear(spec.module, spec.shape[0], spec.shape[1]));
    const auto* packed = std::get_if<Nvfp4Matrix>(&weight);
    if (packed == nullptr) {
      Keep(*source_.Find(spec.name));
      return {};
    }
    for (const std::string_view ending : kPartEndings) {
      placed_.insert(fmt::format("{}{}", spec.module, ending));
    }
    ++report_.converted;
    Piece piece;
    piece.tensors = {{spec.name, DType::kBF16, spec.shape}};
    piece.write = [this, spec, matrix = *packed](SafetensorsWriter& writer) -> Result<void> {
      const std::vector<uint16_t> values = Dequantize(matrix, threads_);
      Release(spec);
      return writer.Append(spec.name, std::as_bytes(std::span(values)));
    };
    units_.push_back({.pieces = {std::move(piece)}});
    return {};
  }

  void Release(const TensorSpec& spec) const {
    for (const std::string_view ending : {".weight", ".weight_packed", ".weight_scale"}) {
      const TensorInfo* tensor = source_.Find(fmt::format("{}{}", spec.module, ending));
      if (tensor != nullptr) source_.Release(*tensor);
    }
  }

  void Keep(const TensorInfo& tensor) {
    ++report_.kept;
    units_.push_back(CopiedTensor(source_, tensor));
  }

  /// A tensor that the model does not have: kept unless it is part of some quantization, which a
  /// plain checkpoint must not show.
  void KeepOrDrop(const TensorInfo& tensor) {
    const bool packed = tensor.dtype == DType::kU8 || tensor.dtype == DType::kF8E4M3;
    const bool part = std::ranges::any_of(
        kPartEndings, [&](auto ending) { return tensor.name.ends_with(ending); });
    if (!packed && !part) {
      Keep(tensor);
      return;
    }
    if (dropped_++ == 0) first_dropped_ = tensor.name;
  }

  const Checkpoint& source_;
  ThreadPool& threads_;
  std::vector<Unit> units_;
  std::unordered_set<std::string> placed_;
  int64_t dropped_ = 0;
  std::string first_dropped_;
  ExportReport report_;
};

}  // namespace

Result<ExportReport> DequantizeCheckpoint(const Checkpoint& source,
                                          const std::filesystem::path& target, ThreadPool& threads,
                                          int64_t max_shard_bytes, const RunControl& control) {
  if (source.format() == WeightFormat::kBf16) {
    return Fail(ErrorCode::kUnsupported, "{} is not quantized: its weights are BF16 already",
                source.folder().string());
  }
  FACET_TRY(StagedFolder folder, StageTarget(source.folder(), target));
  Dequantization work(source, threads);
  FACET_TRY(const ShardPlan plan, work.Plan(max_shard_bytes));
  FACET_RETURN_IF_ERROR(CheckSpaceFor(plan, source.folder(), folder));
  ExportedConfigs configs;
  FACET_TRY(const std::string config, ReadConfigJson(source.folder()));
  FACET_TRY(configs.config_json, RemoveQuantizationConfig(config));
  FACET_RETURN_IF_ERROR(
      Export(plan, configs, source.folder(), std::move(folder), "dequantize", control));
  ExportReport report = std::move(work.report());
  report.source_bytes = TensorBytes(source);
  report.output_bytes = plan.bytes;
  report.shards = static_cast<int64_t>(plan.shards.size());
  report.warnings.insert(report.warnings.begin(), source.warnings().begin(),
                         source.warnings().end());
  return report;
}

}  // namespace facet
