// Every fact about a checkpoint that can be checked without running the model. Returns findings,
// prints nothing. docs/checkpoint.md explains each code.
#pragma once

#include <cstdint>

#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/finding.h"

namespace facet {

struct StaticReport {
  Findings findings;
  int64_t tensors = 0;            ///< in the files
  int64_t parameters = 0;         ///< of the model, from the configuration
  int64_t linears = 0;            ///< that the configuration asks for
  int64_t quantized_linears = 0;  ///< stored as NVFP4
};

/// Reads every tensor once and releases its pages. Progress counts tensors.
StaticReport CheckCheckpoint(const Checkpoint& checkpoint, const ProgressFn& progress);

/// The parts, in the order of the report. Each adds to `findings`.
void CheckTensorList(const Checkpoint& checkpoint, StaticReport& report);
void CheckContents(const Checkpoint& checkpoint, const ProgressFn& progress, Findings& findings);
void CheckQuantizationFiles(const Checkpoint& checkpoint, Findings& findings);
void CheckFolder(const Checkpoint& checkpoint, Findings& findings);
void CheckConfigValues(const Checkpoint& checkpoint, Findings& findings);

}  // namespace facet
