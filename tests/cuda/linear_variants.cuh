// Tiles of the linear kernel by name, for tests and timings; the launcher's choice is among them.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/sm90/linear_launch.cuh"

namespace facet::cuda {

struct Variant {
  const char* name;
  int min_tokens;  // timed from here
  int max_tokens;  // to here
  cudaError_t (*launch)(const LinearNvfp4Desc&, cudaStream_t);
};

template <int kConsumers, int kBlocks, int kTokens, bool kSplit, int kSplits = 1>
cudaError_t LaunchVariant(const LinearNvfp4Desc& desc, cudaStream_t stream) {
  using Tile = sm90::LinearTile<sm90::WeightForm::kNvfp4, kConsumers, kBlocks, kTokens, kSplit,
                                sm90::OutForm::kFloat32>;
  sm90::LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  int processors = 0;
  const cudaError_t error = sm90::MultiprocessorCount(&processors);
  if (error != cudaSuccess) return error;
  const auto steps = static_cast<unsigned>(PackedColTiles(desc.x.cols));
  const auto splits = std::min<unsigned>(kSplits, std::bit_floor(steps));
  return sm90::Launch<Tile>(call, static_cast<int>(splits), processors, stream);
}

inline constexpr Variant kVariants[] = {
    {"128x256", 129, 1 << 20, LaunchVariant<2, 1, 256, false>},
    {"256x128", 65, 512, LaunchVariant<2, 2, 128, true, 1>},
    {"256x128 s2", 65, 512, LaunchVariant<2, 2, 128, true, 2>},
    {"256x128 s4", 65, 512, LaunchVariant<2, 2, 128, true, 4>},
    {"256x128 s8", 65, 512, LaunchVariant<2, 2, 128, true, 8>},
    {"256x64", 33, 64, LaunchVariant<4, 1, 64, true, 1>},
    {"256x64 s2", 33, 64, LaunchVariant<4, 1, 64, true, 2>},
    {"256x64 s4", 33, 64, LaunchVariant<4, 1, 64, true, 4>},
    {"256x64 s8", 33, 64, LaunchVariant<4, 1, 64, true, 8>},
    {"256x32", 17, 32, LaunchVariant<4, 1, 32, true, 1>},
    {"256x32 s4", 17, 32, LaunchVariant<4, 1, 32, true, 4>},
    {"256x32 s8", 17, 32, LaunchVariant<4, 1, 32, true, 8>},
    {"256x32 2wg", 17, 32, LaunchVariant<2, 2, 32, true, 1>},
};

}  // namespace facet::cuda
