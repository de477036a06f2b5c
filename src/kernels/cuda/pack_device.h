// pack.h on the device: weights as files hold them, already in device memory, to the packed form.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// An NVFP4 weight in device memory, as files hold it (tensor/nvfp4.h).
struct DeviceNvfp4 {
  const uint8_t* codes = nullptr;
  const uint8_t* block_scales = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;  ///< a multiple of 16
};

/// Writes all PackedBytes(rows, cols) bytes of `packed` (16-byte aligned), the same that
/// PackNvfp4() writes. Returns the launch's error.
cudaError_t PackNvfp4OnDevice(const DeviceNvfp4& weight, uint8_t* packed, cudaStream_t stream);

/// The same as PackGateUp(): GateUpBytes(rows, cols) bytes. Both weights have the same shape.
cudaError_t PackGateUpOnDevice(const DeviceNvfp4& gate, const DeviceNvfp4& up, uint8_t* packed,
                               cudaStream_t stream);

}  // namespace facet::cuda
