#include "model/workspace.h"

#include <algorithm>

namespace facet {
namespace {

/// The widest rows that any layer needs.
struct Widths {
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim[2] = {0, 0};  // sliding, full
};

Widths WidestRows(const ModelConfig& config) {
  Widths widths;
  for (const LayerConfig& layer : config.layers) {
    widths.heads = std::max(widths.heads, layer.heads * layer.head_dim);
    widths.kv_heads = std::max(widths.kv_heads, layer.kv_heads * layer.head_dim);
    int64_t& head_dim = widths.head_dim[layer.kind == LayerKind::kFull];
    head_dim = std::max(head_dim, layer.head_dim);
  }
  return widths;
}

int64_t MediaWidth(const ModelConfig& config) {
  const int64_t vision = config.vision ? config.vision->patch_elements() : 0;
  const int64_t audio = config.audio ? config.audio->samples_per_token : 0;
  return std::max(vision, audio);
}

}  // namespace

Workspace::Workspace(const ModelConfig& config, int64_t max_tokens, Backend& backend)
    : Workspace(config, max_tokens, backend,
                [&](int64_t bytes) { return backend.Allocate(bytes); }) {}

int64_t Workspace::BytesFor(const ModelConfig& config, int64_t max_tokens, Backend& backend) {
  int64_t total = 0;
  const Workspace counted(config, max_tokens, backend, [&](int64_t bytes) {
    total += bytes;
    return Buffer();
  });
  return total;
}

Workspace::Workspace(const ModelConfig& config, int64_t max_tokens, Backend& backend,
                     const std::function<Buffer(int64_t bytes)>& allocate)
    : max_tokens_(max_tokens),
      hidden_width_(config.hidden),
      intermediate_width_(config.intermediate) {
  const auto rows = [&](int64_t width) {
    return allocate(max_tokens * width * static_cast<int64_t>(sizeof(float)));
  };
  const Widths widths = WidestRows(config);
  hidden_ = rows(config.hidden);
  normed_ = rows(config.hidden);
  projected_ = rows(config.hidden);
  query_ = rows(widths.heads);
  key_ = rows(widths.kv_heads);
  value_ = rows(widths.kv_heads);
  gate_ = rows(config.intermediate);
  up_ = rows(config.intermediate);
  media_ = rows(MediaWidth(config));
  for (const int kind : {0, 1}) {
    cosines_[kind] = rows(widths.head_dim[kind] / 2);
    sines_[kind] = rows(widths.head_dim[kind] / 2);
  }
  const auto activations = [&](int64_t width) {
    return allocate(backend.ActivationBytes(max_tokens, width));
  };
  layer_input_ = activations(config.hidden);
  queries_ = activations(widths.heads);
  attended_ = activations(widths.heads);
  gate_up_ = activations(config.intermediate);
  quantized_ = activations(std::max({config.hidden, config.intermediate, widths.heads}));
  recordings_ = backend.MakeRecordings();
}

}  // namespace facet
