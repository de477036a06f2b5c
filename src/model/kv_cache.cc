#include "model/kv_cache.h"

#include <algorithm>

#include "base/check.h"

namespace facet {
namespace {

int64_t Capacity(const LayerConfig& layer, const KvCacheOptions& options) {
  if (layer.window == 0) return options.max_context;
  return std::min(options.max_context, layer.window - 1 + options.max_chunk);
}

int64_t RowBytes(const LayerConfig& layer, DType dtype) {
  return layer.kv_heads * layer.head_dim * SizeOf(dtype);
}

int64_t LayerBytes(const LayerConfig& layer, const KvCacheOptions& options, DType dtype) {
  return options.slots * 2 * Capacity(layer, options) * RowBytes(layer, dtype);
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, const KvCacheOptions& options, Backend& backend)
    : options_(options),
      lengths_(static_cast<size_t>(options.slots), 0),
      written_(static_cast<size_t>(options.slots), 0) {
  const DType dtype = backend.cache_dtype();
  for (const LayerConfig& layer : config.layers) {
    layers_.push_back({.capacity = Capacity(layer, options),
                       .window = layer.window,
                       .row_bytes = RowBytes(layer, dtype),
                       .rows = backend.Allocate(LayerBytes(layer, options, dtype))});
  }
}

void KvCache::Advance(int64_t slot, int64_t tokens) {
  const auto s = static_cast<size_t>(slot);
  lengths_[s] += tokens;
  written_[s] = std::max(written_[s], lengths_[s]);
}

void KvCache::Clear(int64_t slot) {
  lengths_[static_cast<size_t>(slot)] = written_[static_cast<size_t>(slot)] = 0;
}

bool KvCache::Rewind(int64_t slot, int64_t length) {
  const auto s = static_cast<size_t>(slot);
  FACET_CHECK(length >= 0 && length <= lengths_[s]);
  for (const Layer& layer : layers_) {
    const int64_t seen_from =
        layer.window == 0 ? 0 : std::max<int64_t>(0, length - layer.window + 1);
    if (length > 0 && seen_from < written_[s] - layer.capacity) return false;
  }
  lengths_[s] = length;
  return true;
}

int64_t KvCache::BytesFor(const ModelConfig& config, const KvCacheOptions& options, DType dtype) {
  int64_t bytes = 0;
  for (const LayerConfig& layer : config.layers) bytes += LayerBytes(layer, options, dtype);
  return bytes;
}

}  // namespace facet
