// The kernels behind limits.h.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// Reads `bytes` (a multiple of kReadStep) of device memory once, on all `multiprocessors`. `sink`
/// [1] makes the reading necessary; it is written only if the memory holds what nobody put there.
inline constexpr int64_t kReadStep = int64_t{1} << 20;
cudaError_t ReadMemory(const void* data, int64_t bytes, int multiprocessors, uint32_t* sink,
                       cudaStream_t stream);

/// Fills `bytes` (a multiple of 8) with random bits.
cudaError_t FillRandom(void* data, int64_t bytes, cudaStream_t stream);

/// `rounds` of BF16 products, float32 sums, on the matrix units of every multiprocessor, operands
/// random and in shared memory: nothing is loaded meanwhile. `sink` [1] as above. Hopper only.
cudaError_t MultiplyMatrices(int rounds, int multiprocessors, float* sink, cudaStream_t stream);
/// Operations of that call, two a multiply-add.
double MultiplyOperations(int rounds, int multiprocessors);

}  // namespace facet::cuda
