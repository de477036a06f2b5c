// A cache at a depth that nobody computed.
#pragma once

#include "kernels/backend.h"
#include "model/kv_cache.h"

namespace facet {

/// Writes random numbers in [-1, 1) into every row of every sequence, so that KvCache::Advance()
/// may count any of them. Lengths stay as they are.
void FillCache(const ModelConfig& config, Backend& backend, KvCache& cache);

}  // namespace facet
