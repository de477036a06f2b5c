#include "kernels/cuda/routes.h"

#include "kernels/cuda/attention_shapes.h"

namespace facet::cuda {
namespace {

Route AttentionRoute(const AttentionShape& shape) {
  const std::string layers = AttentionLayers(shape);
  // The smaller tile of the two: what decode takes, prefill takes.
  if (FitsTensorCores(shape.head_dim, shape.heads, shape.kv_heads, kDecodeTileRows)) {
    return {.layers = layers,
            .how = "BF16 cache and products on the tensor cores, float32 sums",
            .why = fmt::format("kernels for head_dim {}", shape.head_dim),
            .native = true};
  }
  return {
      .layers = layers,
      .how = "plain kernel, float32 arithmetic over a BF16 cache",
      .why = fmt::format("head_dim {} with {} heads on {}; the tensor-core kernels take 256 and "
                         "512 with 1 to 16 heads on one",
                         shape.head_dim, shape.heads, shape.kv_heads),
      .native = false};
}

}  // namespace

std::vector<Route> RoutesOf(int major, int minor, const RouteNeeds& needs) {
  std::vector<Route> routes;
  if (needs.nvfp4_linears) {
    const char* emulated = needs.quantized_activations
                               ? "activations quantized as the checkpoint states, both decoded to "
                                 "BF16 (exact) for the tensor cores"
                               : "decoded to BF16 (exact) in registers for the tensor cores";
    routes.push_back({.layers = "NVFP4 linears",
                      .how = emulated,
                      .why = fmt::format("no FP4 units at compute capability {}.{}", major, minor),
                      .native = false});
  }
  const auto bf16 = [&](const char* layers) {
    routes.push_back({.layers = layers,
                      .how = "BF16 on the tensor cores, float32 sums",
                      .why = fmt::format("compute capability {}.{}", major, minor),
                      .native = true});
  };
  if (needs.bf16_linears) bf16("BF16 linears");
  bf16("BF16 head");
  for (const AttentionShape& shape : needs.attention) routes.push_back(AttentionRoute(shape));
  return routes;
}

}  // namespace facet::cuda
