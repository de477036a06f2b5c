#include "model/kv_cache.h"

#include <algorithm>

namespace facet {
namespace {

int64_t Capacity(const LayerConfig& layer, const KvCacheOptions& options) {
  if (layer.window == 0) return options.max_context;
  return std::min(options.max_context, layer.window - 1 + options.max_chunk);
}

int64_t LayerBytes(const LayerConfig& layer, const KvCacheOptions& options) {
  const int64_t row = layer.kv_heads * layer.head_dim * static_cast<int64_t>(sizeof(float));
  return options.slots * 2 * Capacity(layer, options) * row;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, const KvCacheOptions& options, Backend& backend)
    : options_(options), lengths_(static_cast<size_t>(options.slots), 0) {
  for (const LayerConfig& layer : config.layers) {
    layers_.push_back({.capacity = Capacity(layer, options),
                       .width = layer.kv_heads * layer.head_dim,
                       .rows = backend.Allocate(LayerBytes(layer, options))});
  }
}

int64_t KvCache::BytesFor(const ModelConfig& config, const KvCacheOptions& options) {
  int64_t bytes = 0;
  for (const LayerConfig& layer : config.layers) bytes += LayerBytes(layer, options);
  return bytes;
}

}  // namespace facet
