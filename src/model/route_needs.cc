#include "model/route_needs.h"

#include <algorithm>

namespace facet {

RouteNeeds RouteNeedsOf(const ModelConfig& config, const CheckpointSummary& summary,
                        ActivationMode mode) {
  RouteNeeds needs{.nvfp4_linears = summary.quantized_linears > 0,
                   .bf16_linears = summary.quantized_linears < summary.linears,
                   .quantized_activations = mode == ActivationMode::kNvfp4,
                   .attention = {}};
  for (const LayerKind kind : {LayerKind::kSliding, LayerKind::kFull}) {
    const auto layer = std::ranges::find(config.layers, kind, &LayerConfig::kind);
    if (layer == config.layers.end()) continue;
    needs.attention.push_back({.heads = layer->heads,
                               .kv_heads = layer->kv_heads,
                               .head_dim = layer->head_dim,
                               .window = layer->window});
  }
  return needs;
}

}  // namespace facet
