#include "kernels/cuda/check.h"

#include <new>

#include <fmt/format.h>

#include "kernels/device_error.h"

namespace facet::cuda {

void Check(cudaError_t error, std::source_location where) {
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // not sticky: what was there before still works
    throw std::bad_alloc();
  }
  throw DeviceError(fmt::format("CUDA: {} ({}) at {}:{}", cudaGetErrorString(error),
                                cudaGetErrorName(error), where.file_name(), where.line()));
}

}  // namespace facet::cuda
