// CUDA devices as the rest of facet sees them; no CUDA header needed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "kernels/backend.h"

namespace facet::cuda {

struct DeviceProperties {
  int index = 0;
  std::string name;
  int major = 0;  ///< compute capability major.minor
  int minor = 0;
  int multiprocessors = 0;
  int64_t memory_bytes = 0;
};

/// The device with this index; nothing when there is none, or no driver.
std::optional<DeviceProperties> FindDevice(int index);

/// A backend on a device. kUnsupported, with what was found, for a device that is not there or that
/// facet has no code for.
Result<std::unique_ptr<Backend>> MakeBackend(int index);

}  // namespace facet::cuda
