// What a backend's device can do at most, measured: what measured speeds are compared with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace facet {

struct DeviceLimits {
  std::string device;  ///< "NVIDIA H100 80GB HBM3"; "AMD EPYC …, 2 threads"
  /// Bytes a second, read from a buffer that no cache holds.
  double read = 0;
  /// Operations a second, two for a multiply-add, by what is multiplied: BF16 weights, keys and
  /// values; NVFP4 weights with activations as they are (W4A16); both in NVFP4 (W4A4).
  double bf16 = 0;
  double w4a16 = 0;
  double w4a4 = 0;
  std::string arithmetic;  ///< how the three were measured, for people
};

/// Measures, with nothing else to do, for about half a second. `backend` and `threads` as
/// MakeBackend() takes them, with its errors. Medians of several runs.
Result<DeviceLimits> MeasureDeviceLimits(std::string_view backend, int threads);

}  // namespace facet
