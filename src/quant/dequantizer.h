// An NVFP4 checkpoint, in either layout, back to plain BF16.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "base/run_control.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "quant/quantizer.h"

namespace facet {

/// Writes `source` as a BF16 checkpoint into the new folder `target`: each weight is the float32
/// value of its code and scales, rounded once to the nearest BF16. No file of it mentions a
/// quantization any more. Holds one weight. kUnsupported for a source that is not quantized,
/// kInvalidData names a tensor with bad scales.
Result<ExportReport> DequantizeCheckpoint(const Checkpoint& source,
                                          const std::filesystem::path& target, ThreadPool& threads,
                                          int64_t max_shard_bytes, const RunControl& control);

}  // namespace facet
