#include "checkpoint/summary.h"

#include <algorithm>
#include <tuple>

#include "checkpoint/linear_parts.h"

namespace facet {
namespace {

/// How one tensor of the model is stored.
struct Stored {
  std::string as;
  std::string reason;
  int64_t bytes = 0;
};

int64_t SizeOf(const TensorInfo* tensor) {
  return tensor == nullptr ? 0 : static_cast<int64_t>(tensor->bytes.size());
}

std::string ReasonOfPlainLinear(const Checkpoint& checkpoint, const std::string& module) {
  const auto& quantization = checkpoint.quantization();
  if (!quantization) return "not quantized";
  return quantization->Excludes(module) ? "on the exclusion list"
                                        : "not quantized, though no list excludes it";
}

class Summarizer {
 public:
  explicit Summarizer(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  void Add(const TensorSpec& spec) {
    summary_.linears += spec.kind == TensorKind::kLinear;
    const auto stored = spec.kind == TensorKind::kLinear ? LinearStored(spec) : KeptStored(spec);
    if (!stored) {
      ++summary_.missing;
      return;
    }
    StoredGroup& group = GroupOf(spec.kind, *stored);
    ++group.tensors;
    group.parameters += spec.shape.elements();
    group.bytes += stored->bytes;
  }

  CheckpointSummary Take() {
    std::ranges::sort(summary_.groups, {}, [](const StoredGroup& group) {
      return std::tuple(group.kind, group.stored_as != "NVFP4", group.reason);
    });
    for (const StoredGroup& group : summary_.groups) {
      summary_.parameters += group.parameters;
      summary_.bytes += group.bytes;
    }
    summary_.bf16_bytes = 2 * summary_.parameters;
    int64_t all = 0;
    for (const TensorInfo& tensor : checkpoint_.tensors()) all += SizeOf(&tensor);
    summary_.other_bytes = all - summary_.bytes;
    for (const LayerConfig& layer : checkpoint_.config().layers) {
      ++(layer.kind == LayerKind::kFull ? summary_.full_layers : summary_.sliding_layers);
    }
    return std::move(summary_);
  }

 private:
  StoredGroup& GroupOf(TensorKind kind, const Stored& stored) {
    for (StoredGroup& group : summary_.groups) {
      const bool same =
          group.kind == kind && group.stored_as == stored.as && group.reason == stored.reason;
      if (same) return group;
    }
    StoredGroup group;
    group.kind = kind;
    group.stored_as = stored.as;
    group.reason = stored.reason;
    return summary_.groups.emplace_back(std::move(group));
  }

  std::optional<Stored> KeptStored(const TensorSpec& spec) const {
    const TensorInfo* tensor = checkpoint_.Find(spec.name);
    if (tensor == nullptr) return std::nullopt;
    return Stored{.as = std::string(NameOf(tensor->dtype)),
                  .reason = std::string(KeptReason(spec.kind)),
                  .bytes = SizeOf(tensor)};
  }

  std::optional<Stored> LinearStored(const TensorSpec& spec) {
    const Result<LinearParts> parts = FindLinear(checkpoint_, spec.module);
    if (!parts) return std::nullopt;
    if (!parts->quantized()) {
      return Stored{.as = std::string(NameOf(parts->weight->dtype)),
                    .reason = ReasonOfPlainLinear(checkpoint_, spec.module),
                    .bytes = SizeOf(parts->weight)};
    }
    ++summary_.quantized_linears;
    summary_.with_input_scale += parts->input_scale != nullptr;
    return Stored{.as = "NVFP4",
                  .reason =
                      "a projection of a decoder layer: most of the model, read whole for "
                      "every token",
                  .bytes = SizeOf(parts->codes) + SizeOf(parts->block_scales) +
                           SizeOf(parts->global_scale) + SizeOf(parts->input_scale)};
  }

  const Checkpoint& checkpoint_;
  CheckpointSummary summary_;
};

}  // namespace

CheckpointSummary Summarize(const Checkpoint& checkpoint) {
  Summarizer summarizer(checkpoint);
  for (const TensorSpec& spec : TensorSpecs(checkpoint.config())) summarizer.Add(spec);
  return summarizer.Take();
}

std::string_view DescriptionOf(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return "BF16";
    case WeightFormat::kNvfp4Modelopt:
      return "NVFP4 (modelopt layout)";
    case WeightFormat::kNvfp4CompressedTensors:
      return "NVFP4 (compressed-tensors layout)";
  }
  return "unknown";
}

std::string_view NameOf(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return "bf16";
    case WeightFormat::kNvfp4Modelopt:
      return "nvfp4_modelopt";
    case WeightFormat::kNvfp4CompressedTensors:
      return "nvfp4_compressed_tensors";
  }
  return "unknown";
}

}  // namespace facet
