// Linear layers on many tokens, on Hopper's matrix unit: out = alpha x W^T, BF16 activations,
// float32 accumulation. Weights are packed NVFP4 (pack_format.h) or row-major BF16.
//
// Any number of tokens from 1 on gives right results; these kernels pay from about 17 on. All
// pointers are device memory, x and weights 16-byte aligned. Launchers neither allocate nor
// synchronize; the same inputs give the same bits. They return cudaErrorInvalidValue for sizes they
// do not take, and the launch's error otherwise.
//
// `programmatic` launches with programmatic stream serialization: the kernel may start while the
// one before it in the stream still runs, and waits for its end before it touches x or out (not
// before it reads weights). Every kernel here lets the next one start early in the same way.
#pragma once

#include <array>
#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

enum class LinearOut { kFloat32, kBf16 };

/// Consecutive output features with a destination of their own: a whole matrix, or one of several
/// that are packed as one (query, key, value).
struct LinearPart {
  int64_t rows = 0;        ///< output features
  float alpha = 1;         ///< global_scale of the part (times input_scale for a W4A4 product)
  void* out = nullptr;     ///< [tokens, rows], of the call's type
  int64_t out_stride = 0;  ///< elements from a token to the next, at least rows
};

inline constexpr int kMaxLinearParts = 3;

/// BF16 activations [tokens, cols], row-major; the stride in elements, a multiple of 8.
struct LinearInput {
  const uint16_t* data = nullptr;
  int64_t tokens = 0;
  int64_t cols = 0;
  int64_t stride = 0;
};

/// Device memory that a later kernel will read once: 16-byte aligned, a multiple of 16 bytes.
struct L2Prefetch {
  const void* data = nullptr;
  int64_t bytes = 0;
};

/// out_p = alpha_p x W_p^T for each part.
struct LinearNvfp4Desc {
  LinearInput x;                    ///< cols a multiple of 16
  const uint8_t* packed = nullptr;  ///< the parts one after the other, each padded to 16 rows
  std::array<LinearPart, kMaxLinearParts> parts;
  int part_count = 1;
  LinearOut out_type = LinearOut::kFloat32;
  bool programmatic = false;
  L2Prefetch prefetch;  ///< brought into the L2 cache by the decode kernels only
};
cudaError_t LinearNvfp4Prefill(const LinearNvfp4Desc& desc, cudaStream_t stream);

/// out = gelu_tanh(gate_alpha x G^T) * (up_alpha x U^T), rounded once to BF16.
struct GateUpNvfp4Desc {
  LinearInput x;                    ///< cols a multiple of 16
  const uint8_t* packed = nullptr;  ///< PackGateUp() of [rows, cols] each
  int64_t rows = 0;                 ///< intermediate features
  float gate_alpha = 1;
  float up_alpha = 1;
  uint16_t* out = nullptr;  ///< BF16 [tokens, rows]
  int64_t out_stride = 0;
  bool programmatic = false;
  L2Prefetch prefetch;  ///< brought into the L2 cache by the decode kernels only
};
cudaError_t GateUpNvfp4Prefill(const GateUpNvfp4Desc& desc, cudaStream_t stream);

/// out = x W^T for a BF16 weight [rows, cols] as stored; cols a multiple of 8.
struct LinearBf16Desc {
  LinearInput x;
  const uint16_t* weight = nullptr;
  LinearPart part;  ///< alpha multiplies the product
  LinearOut out_type = LinearOut::kFloat32;
  bool programmatic = false;
  L2Prefetch prefetch;  ///< brought into the L2 cache by the decode kernels only
};
cudaError_t LinearBf16Prefill(const LinearBf16Desc& desc, cudaStream_t stream);

}  // namespace facet::cuda
