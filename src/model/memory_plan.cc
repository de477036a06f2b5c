#include "model/memory_plan.h"

#include "base/file.h"
#include "checkpoint/linear_parts.h"
#include "checkpoint/tensor_specs.h"
#include "model/workspace.h"

namespace facet {
namespace {

std::string Bytes(int64_t bytes) { return HumanBytes(static_cast<uint64_t>(bytes)); }

/// A weight of a tensor's shape and precision, without its numbers.
Weight ShapeOf(const Checkpoint& checkpoint, const TensorSpec& spec) {
  const int64_t rows = spec.shape.dims().size() > 1 ? spec.shape.dims()[0] : 1;
  const int64_t cols = spec.shape.elements() / rows;
  if (spec.kind == TensorKind::kLinear) {
    const Result<LinearParts> parts = FindLinear(checkpoint, spec.module);
    if (parts && parts->quantized()) {
      Nvfp4Matrix matrix;
      matrix.rows = rows;
      matrix.cols = cols;
      return matrix;
    }
  }
  return Bf16Matrix{rows, cols, nullptr};
}

/// The largest value in [0, most] that fits, where what fits is all below some value.
template <typename Fits>
int64_t LargestThat(int64_t most, const Fits& fits) {
  int64_t least = 0;
  while (least < most) {
    const int64_t middle = least + (most - least + 1) / 2;
    if (fits(middle)) {
      least = middle;
    } else {
      most = middle - 1;
    }
  }
  return least;
}

}  // namespace

int64_t PlacedWeightBytes(const Checkpoint& checkpoint, Backend& backend) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : TensorSpecs(checkpoint.config())) {
    bytes += backend.PlacedBytes(ShapeOf(checkpoint, spec));
  }
  return bytes;
}

MemoryPlan PlanMemory(const ModelConfig& config, Backend& backend, const KvCacheOptions& options,
                      int64_t weight_bytes) {
  const auto element = static_cast<int64_t>(sizeof(float));
  return {.weights = weight_bytes,
          .cache = KvCache::BytesFor(config, options, backend.cache_dtype()),
          .buffers = Workspace::BytesFor(config, options.slots * options.max_chunk, backend) +
                     options.slots * config.vocabulary * element};
}

int64_t LargestContext(const ModelConfig& config, Backend& backend, KvCacheOptions options,
                       int64_t weight_bytes, int64_t available) {
  return LargestThat(options.max_context, [&](int64_t context) {
    options.max_context = context;
    return PlanMemory(config, backend, options, weight_bytes).total() <= available;
  });
}

int64_t LargestBatch(const ModelConfig& config, Backend& backend, KvCacheOptions options,
                     int64_t weight_bytes, int64_t available) {
  return LargestThat(options.slots, [&](int64_t slots) {
    options.slots = slots;
    return PlanMemory(config, backend, options, weight_bytes).total() <= available;
  });
}

Result<void> CheckMemory(const ModelConfig& config, Backend& backend, const KvCacheOptions& options,
                         int64_t weight_bytes) {
  const MemoryPlan plan = PlanMemory(config, backend, options, weight_bytes);
  const int64_t available = backend.AvailableMemory();
  if (plan.total() <= available) return {};
  const int64_t context = LargestContext(config, backend, options, weight_bytes, available);
  return Fail(ErrorCode::kResource,
              "not enough memory for backend {}: {}cache {} for {} tokens, buffers {}: {} are "
              "needed and {} available; {}",
              backend.name(), plan.weights > 0 ? "weights " + Bytes(plan.weights) + ", " : "",
              Bytes(plan.cache), options.max_context, Bytes(plan.buffers), Bytes(plan.total()),
              Bytes(available),
              context > 0 ? fmt::format("a context of {} fits (--context {})", context, context)
                          : "not even a context of one token fits");
}

}  // namespace facet
