#include "speed/cost.h"

#include <algorithm>

namespace facet {
namespace {

double AsDouble(int64_t number) { return static_cast<double>(number); }

/// Rows of the cache that a chunk's queries see together: those before it that its first query
/// sees, and its own.
int64_t VisibleRows(const StepShape& step, int64_t window) {
  const int64_t end = step.first_position + step.tokens;
  if (window == 0) return end;
  return end - std::max<int64_t>(0, step.first_position - window + 1);
}

Cost CostOfAttention(const LayerConfig& layer, DType cache, const StepShape& step) {
  const int64_t row_elements = 2 * layer.kv_heads * layer.head_dim;  // keys and values
  const int64_t keys = VisibleKeys(step.first_position, step.tokens, layer.window);
  Cost cost;
  cost.bytes = AsDouble(VisibleRows(step, layer.window) * row_elements * SizeOf(cache));
  // For each query head and key: a product with the key, and one with the value.
  cost.bf16_operations = 2 * 2 * AsDouble(layer.heads * layer.head_dim) * AsDouble(keys);
  return cost;
}

}  // namespace

WeightCost WeightCostOf(const CheckpointSummary& summary) {
  WeightCost cost;
  for (const StoredGroup& group : summary.groups) {
    if (group.kind == TensorKind::kEmbedding) {
      cost.head_bytes += group.bytes;
      cost.head_parameters += group.parameters;
    } else if (group.kind == TensorKind::kLinear) {
      cost.linear_bytes += group.bytes;
      (group.stored_as == "NVFP4" ? cost.nvfp4_parameters : cost.bf16_parameters) +=
          group.parameters;
    }
  }
  return cost;
}

Cost& Cost::operator+=(const Cost& other) {
  bytes += other.bytes;
  nvfp4_operations += other.nvfp4_operations;
  bf16_operations += other.bf16_operations;
  return *this;
}

int64_t VisibleKeys(int64_t first, int64_t tokens, int64_t window) {
  // Queries before position window - 1 see all before them, later ones a window.
  const int64_t growing = window == 0 ? tokens : std::clamp<int64_t>(window - 1 - first, 0, tokens);
  return growing * first + growing * (growing + 1) / 2 + (tokens - growing) * window;
}

Cost CostOfStep(const ModelConfig& config, const WeightCost& weights, DType cache,
                const StepShape& step) {
  Cost cost;
  for (const LayerConfig& layer : config.layers) cost += CostOfAttention(layer, cache, step);
  cost.bytes *= AsDouble(step.sequences);
  cost.bf16_operations *= AsDouble(step.sequences);

  const double tokens = AsDouble(step.sequences * step.tokens);
  cost.bytes += AsDouble(weights.linear_bytes);
  cost.nvfp4_operations += 2 * tokens * AsDouble(weights.nvfp4_parameters);
  cost.bf16_operations += 2 * tokens * AsDouble(weights.bf16_parameters);
  if (step.logits > 0) {
    cost.bytes += AsDouble(weights.head_bytes);
    cost.bf16_operations +=
        2 * AsDouble(step.sequences * step.logits) * AsDouble(weights.head_parameters);
  }
  return cost;
}

Floor FloorOf(const Cost& cost, const DeviceLimits& limits, ActivationMode mode) {
  const double nvfp4_rate = mode == ActivationMode::kNvfp4 ? limits.w4a4 : limits.w4a16;
  return {
      .read_seconds = cost.bytes / limits.read,
      .compute_seconds = cost.nvfp4_operations / nvfp4_rate + cost.bf16_operations / limits.bf16};
}

}  // namespace facet
