// A checkpoint without a source: the names, shapes and files of a model, filled with numbers that a
// formula gives. docs/synth.md.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "base/run_control.h"
#include "base/thread_pool.h"
#include "quant/shard_plan.h"
#include "quant/synth_model.h"

namespace facet {

enum class SynthFormat {
  kBf16,
  kNvfp4,  ///< codes and scales drawn as such: not the quantization of the BF16 form
};

struct SynthOptions {
  SynthFormat format = SynthFormat::kNvfp4;
  uint64_t seed = 0;
  int64_t max_shard_bytes = 5'000'000'000;
};

/// What was made, for a command to print.
struct SynthReport {
  int64_t layers = 0;
  int64_t tensors = 0;     ///< in the files
  int64_t quantized = 0;   ///< linears whose weights are NVFP4
  int64_t parameters = 0;  ///< elements of the BF16 form
  int64_t output_bytes = 0;
  int64_t shards = 0;
};

/// Writes the new folder `target`, whole or not at all. The same model and options give the same
/// files, whatever the number of threads. Holds tens of MB. kInvalidData for a configuration that
/// is none; kIo where the target exists, or the disk has too little room (both numbers are said
/// before anything is written).
Result<SynthReport> SynthesizeCheckpoint(const SynthModel& model, const SynthOptions& options,
                                         const std::filesystem::path& target, ThreadPool& threads,
                                         const RunControl& control);

}  // namespace facet
