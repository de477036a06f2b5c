// The one way to call CUDA: an error becomes a DeviceError that says what failed and where.
#pragma once

#include <source_location>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// Throws std::bad_alloc when device memory ran out, DeviceError on any other error.
void Check(cudaError_t error, std::source_location where = std::source_location::current());

/// Check() for the launch just made.
inline void CheckLaunch(std::source_location where = std::source_location::current()) {
  Check(cudaGetLastError(), where);
}

}  // namespace facet::cuda
