// What a card can do at most: kernels that do nothing but read, or nothing but multiply, and the
// figures measured with them. No CUDA header needed for the latter.
#pragma once

#include "base/result.h"
#include "kernels/device_limits.h"

namespace facet::cuda {

/// Reading and BF16 products of one device; errors as UsableDevice() gives them.
Result<DeviceLimits> MeasureLimits(int device);

}  // namespace facet::cuda
