// Keys and values of every sequence: rings for sliding layers, the whole context for full layers.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/model_config.h"
#include "kernels/backend.h"

namespace facet {

struct KvCacheOptions {
  int64_t slots = 1;        ///< sequences held at once
  int64_t max_context = 0;  ///< tokens a sequence may reach
  int64_t max_chunk = 512;  ///< most tokens of one sequence in one step
};

/// Rows are [kv_heads * head_dim] of the backend's cache_dtype(), keys normed and turned, values
/// normed. A sliding layer
/// keeps window - 1 + max_chunk rows: what the oldest query of a chunk sees, and the chunk itself.
/// Pages of a full layer cost memory only once a sequence reaches them.
class KvCache {
 public:
  KvCache(const ModelConfig& config, const KvCacheOptions& options, Backend& backend);

  /// Bytes that `options` reserve at most, with elements of `dtype`.
  static int64_t BytesFor(const ModelConfig& config, const KvCacheOptions& options, DType dtype);

  const KvCacheOptions& options() const { return options_; }
  int64_t length(int64_t slot) const { return lengths_[static_cast<size_t>(slot)]; }
  /// Counts `tokens` whose rows a step has written.
  void Advance(int64_t slot, int64_t tokens);
  /// Forgets a sequence.
  void Clear(int64_t slot);
  /// Forgets a sequence's tokens from `length` on (0 <= length <= length(slot)), so that others can
  /// follow the ones before. False, and nothing changes, if a ring no longer holds what the next
  /// token would see: going back by up to max_chunk tokens always works, further where the ring was
  /// never full.
  bool Rewind(int64_t slot, int64_t length);

  /// A sequence's rows in a layer.
  CacheRing ring(size_t layer, int64_t slot) const {
    return {Rows(layer, 2 * slot), Rows(layer, 2 * slot + 1), layers_[layer].capacity};
  }

 private:
  struct Layer {
    int64_t capacity = 0;
    int64_t window = 0;  // LayerConfig::window
    int64_t row_bytes = 0;
    Buffer rows;  // [slots, 2 (keys, values), capacity] rows
  };
  void* Rows(size_t layer, int64_t half) const {
    const Layer& l = layers_[layer];
    return l.rows.as<std::byte>() + half * l.capacity * l.row_bytes;
  }

  KvCacheOptions options_;
  std::vector<Layer> layers_;
  std::vector<int64_t> lengths_;
  // One past the highest position written since Clear(); a ring holds positions from this minus its
  // capacity on, whatever Rewind() did since.
  std::vector<int64_t> written_;
};

}  // namespace facet
