// How far a checkpoint is from the BF16 model that it was made from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/finding.h"

namespace facet {

/// The quantization error of one linear. With w the reference and d the decoded weight:
struct TensorError {
  std::string name;           ///< the module
  double relative_rms = 0;    ///< sqrt(sum (d - w)^2 / sum w^2); 0 if both are zero
  double max_abs = 0;         ///< max |d - w|
  double reference_rms = 0;   ///< sqrt(mean w^2)
  double squared_error = 0;   ///< sum (d - w)^2
  double squared_weight = 0;  ///< sum w^2
  /// Signal to quantization noise, -20 log10(relative_rms); infinite without an error.
  double SqnrDb() const;
};

struct ReferenceReport {
  std::vector<TensorError> errors;  ///< quantized linears, in the order of the forward pass
  TensorError total;                ///< over all of them
  int64_t identical_tensors = 0;    ///< kept tensors with the reference's bytes
  Findings findings;
};

/// Rounding to NVFP4 loses about 9.5 % (relative RMS) of a normal distribution; more than this says
/// that scales or codes are read in another convention than they were written.
inline constexpr double kMaxRelativeError = 0.25;

/// Compares every tensor, row by row, and releases its pages. kInvalidData if `reference` is not
/// BF16, kUnsupported if the two have different sizes. Progress counts tensors.
Result<ReferenceReport> CompareWithReference(const Checkpoint& checkpoint,
                                             const Checkpoint& reference,
                                             const ProgressFn& progress);

}  // namespace facet
