// The pipeline from a BF16 checkpoint to an NVFP4 checkpoint in modelopt's layout: load, exclude,
// calibrate, quantize, export, copy. docs/quantization.md tells it step by step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/run_control.h"
#include "checkpoint/checkpoint.h"
#include "kernels/backend.h"
#include "quant/shard_plan.h"
#include "tensor/nvfp4.h"

namespace facet {

struct QuantizeOptions {
  Nvfp4Profile profile;
  int64_t batch_size = 4;  ///< sequences calibrated at a time, at least 1
  int64_t max_shard_bytes = kDefaultMaxShardBytes;
};

/// What was done, for a command to print.
struct ExportReport {
  int64_t converted = 0;     ///< linears quantized, or dequantized
  int64_t kept = 0;          ///< tensors copied as they are
  int64_t source_bytes = 0;  ///< of tensors
  int64_t output_bytes = 0;
  int64_t shards = 0;
  std::vector<std::string> exclude;  ///< exclude_modules as written; empty after a dequantization
  std::vector<std::string> warnings;
};

/// Quantizes `source` into the new folder `target`, calibrated with `sequences` of token ids. The
/// same inputs give the same files. Reads the weights twice and calibrates in between; holds one
/// weight, and what the forward pass of a batch needs. kUnsupported for a source that is quantized
/// already; kInvalidData names a weight or an input that is not finite; kUsage and kIo for targets
/// that cannot be.
Result<ExportReport> QuantizeCheckpoint(const Checkpoint& source,
                                        const std::filesystem::path& target,
                                        std::span<const std::vector<int32_t>> sequences,
                                        Backend& backend, const QuantizeOptions& options,
                                        const RunControl& control);

}  // namespace facet
