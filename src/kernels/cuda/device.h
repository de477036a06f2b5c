// CUDA devices as the rest of facet sees them; no CUDA header needed.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "kernels/backend.h"

namespace facet::cuda {

struct DeviceProperties {
  std::string name;
  int major = 0;  ///< compute capability major.minor
  int minor = 0;
};

/// The device with this index. kUnsupported, with what was found, for one that is not there or that
/// facet has no code for.
Result<DeviceProperties> UsableDevice(int index);

/// A backend on a device; errors as UsableDevice() gives them.
Result<std::unique_ptr<Backend>> MakeBackend(int index);

}  // namespace facet::cuda
