// How much memory a model takes, known from headers before anything is loaded.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/backend.h"
#include "model/kv_cache.h"

namespace facet {

/// Bytes of a backend's memory.
struct MemoryPlan {
  int64_t weights = 0;  ///< copies that the backend makes; 0 where it reads the mapped files
  int64_t cache = 0;
  int64_t buffers = 0;  ///< of a step of all sequences, with a row of logits for each
  int64_t total() const { return weights + cache + buffers; }
};

/// What the weights of a checkpoint take once placed. Tensors that are missing count as BF16.
int64_t PlacedWeightBytes(const Checkpoint& checkpoint, Backend& backend);

/// For `options.slots` sequences of `options.max_context`, computed together in chunks.
MemoryPlan PlanMemory(const ModelConfig& config, Backend& backend, const KvCacheOptions& options,
                      int64_t weight_bytes);

/// The longest context up to options.max_context that fits `available` bytes; 0 if none does.
int64_t LargestContext(const ModelConfig& config, Backend& backend, KvCacheOptions options,
                       int64_t weight_bytes, int64_t available);
/// The same for the number of sequences, up to options.slots.
int64_t LargestBatch(const ModelConfig& config, Backend& backend, KvCacheOptions options,
                     int64_t weight_bytes, int64_t available);

/// kResource unless the plan fits what the backend has now; says what is needed, what is there, and
/// which context would fit.
Result<void> CheckMemory(const ModelConfig& config, Backend& backend, const KvCacheOptions& options,
                         int64_t weight_bytes);

}  // namespace facet
