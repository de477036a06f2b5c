// What a step costs at least, from the model's sizes: the bytes that it must read and the
// operations that it must do. Sources: docs/performance.md, "What a step costs".
#pragma once

#include <cstdint>

#include "checkpoint/model_config.h"
#include "checkpoint/summary.h"
#include "kernels/device_limits.h"
#include "model/model.h"
#include "tensor/dtype.h"

namespace facet {

/// The weights that a step multiplies with, as they are stored; norms, scalars and embedders of
/// media are left out (below a thousandth).
struct WeightCost {
  int64_t linear_bytes = 0;      ///< of the decoder's linears, scales included
  int64_t nvfp4_parameters = 0;  ///< of those in NVFP4
  int64_t bf16_parameters = 0;   ///< of the others
  int64_t head_bytes = 0;        ///< of the embedding, which is also the head
  int64_t head_parameters = 0;
};

WeightCost WeightCostOf(const CheckpointSummary& summary);

/// One step: the same for each of several sequences.
struct StepShape {
  int64_t sequences = 1;
  int64_t first_position = 0;  ///< of the first new token; as many are in the cache
  int64_t tokens = 1;          ///< new ones, of each sequence
  int64_t logits = 1;          ///< of how many of them, of each sequence
};

/// Costs of one step, or of several added up. An operation is a multiplication or an addition.
struct Cost {
  double bytes = 0;             ///< weights once a step, and every cached row that it sees once
  double nvfp4_operations = 0;  ///< with NVFP4 weights
  double bf16_operations = 0;   ///< with BF16 weights, and of attention

  double operations() const { return nvfp4_operations + bf16_operations; }
  Cost& operator+=(const Cost& other);
};

/// `cache` is the type of cached keys and values (Backend::cache_dtype()).
Cost CostOfStep(const ModelConfig& config, const WeightCost& weights, DType cache,
                const StepShape& step);

/// Keys that the queries at [first, first + tokens) see in all, each up to itself; window as in
/// LayerConfig.
int64_t VisibleKeys(int64_t first, int64_t tokens, int64_t window);

/// Times that a device needs at least.
struct Floor {
  double read_seconds = 0;
  double compute_seconds = 0;
};
Floor FloorOf(const Cost& cost, const DeviceLimits& limits, ActivationMode mode);

}  // namespace facet
