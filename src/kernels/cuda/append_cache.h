// Copies rows into a cache ring (backend.h, AppendCache) with rounding to BF16.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// rows float32 [count, width] on the device, to BF16 ring rows (first_position + i) % capacity of
/// cache [capacity, width]. width a multiple of 4; count at most capacity.
cudaError_t AppendCache(const float* rows, int64_t count, int64_t width, int64_t first_position,
                        int64_t capacity, uint16_t* cache, cudaStream_t stream);

}  // namespace facet::cuda
