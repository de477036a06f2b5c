// Cuts of the decode kernel by name, for tests and timings; the launcher's choice is among them.
#pragma once

#include "kernels/cuda/linear_decode.h"
#include "kernels/cuda/sm90/linear_decode_bf16.cuh"
#include "kernels/cuda/sm90/linear_decode_launch.cuh"
#include "kernels/cuda/sm90/linear_decode_nvfp4.cuh"

namespace facet::cuda {

struct DecodeVariant {
  const char* name;
  int max_tokens;
  cudaError_t (*launch)(const LinearNvfp4Desc&, cudaStream_t);
};

template <class Stream, int kTokenTiles, int kSlices>
cudaError_t LaunchDecodeVariant(const LinearNvfp4Desc& desc, cudaStream_t stream) {
  sm90::LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return sm90::LaunchDecode<Stream, kTokenTiles, sm90::OutForm::kFloat32>(call, kSlices, stream);
}

inline constexpr DecodeVariant kDecodeVariants[] = {
    {"16w2", 8, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 2, 1, 2>, 1, 1>},
    {"16w3", 8, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 3, 1, 2>, 1, 1>},
    {"16w4/2", 8, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 4, 1, 2, 2>, 1, 1>},
    {"12w3", 8, LaunchDecodeVariant<sm90::Nvfp4Stream<12, 3, 1, 2>, 1, 1>},
    {"16w2 4 slices", 8, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 2, 1, 2>, 1, 4>},
    {"16 tokens", 16, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 2, 1, 1>, 2, 1>},
    {"16 tokens, 2 slices", 16, LaunchDecodeVariant<sm90::Nvfp4Stream<16, 2, 1, 1>, 2, 2>},
};

template <class Stream, int kTokenTiles>
cudaError_t LaunchBf16Variant(const LinearBf16Desc& desc, cudaStream_t stream) {
  sm90::LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return sm90::LaunchDecode<Stream, kTokenTiles, sm90::OutForm::kFloat32>(call, 1, stream);
}

}  // namespace facet::cuda
