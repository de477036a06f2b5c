// Tiles of the linear kernel by name, for tests and timings; the launcher's choice is among them.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/sm90/linear_launch.cuh"
#include "kernels/cuda/sm90/linear_split.h"

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
  const cudaError_t error = MultiprocessorCount(&processors);
  if (error != cudaSuccess) return error;
  const auto steps = static_cast<unsigned>(PackedColTiles(desc.x.cols));
  const auto splits = std::min<unsigned>(kSplits, std::bit_floor(steps));
  return sm90::Launch<Tile>(call, static_cast<int>(splits), processors, stream);
}

/// The split kernel, its columns split as often as there are steps for.
template <int kTokens, int kSplits>
cudaError_t LaunchSplitVariant(const LinearNvfp4Desc& desc, cudaStream_t stream) {
  sm90::LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  const int64_t steps = sm90::SplitSteps(desc.x.cols);
  const int splits = steps >= kSplits ? kSplits : steps >= 3 ? 3 : 1;
  const auto form =
      desc.out_type == LinearOut::kFloat32 ? sm90::OutForm::kFloat32 : sm90::OutForm::kBf16;
  return sm90::LaunchSplit(call, form, {kTokens, splits}, stream);
}

inline constexpr Variant kVariants[] = {
    {"128x256", 129, 1 << 20, LaunchVariant<2, 1, 256, false>},
    {"256x128", 129, 512, LaunchVariant<2, 2, 128, true, 1>},
    {"256x128 s2", 129, 512, LaunchVariant<2, 2, 128, true, 2>},
    {"256x128 s4", 129, 512, LaunchVariant<2, 2, 128, true, 4>},
    {"256x128 s8", 129, 512, LaunchVariant<2, 2, 128, true, 8>},
    {"split 128", 65, 512, LaunchSplitVariant<128, 1>},
    {"split 128 s3", 65, 256, LaunchSplitVariant<128, 3>},
    {"split 128 s8", 65, 256, LaunchSplitVariant<128, 8>},
    {"split 64", 33, 64, LaunchSplitVariant<64, 1>},
    {"split 64 s3", 33, 64, LaunchSplitVariant<64, 3>},
    {"split 64 s8", 33, 64, LaunchSplitVariant<64, 8>},
    {"split 32", 17, 32, LaunchSplitVariant<32, 1>},
    {"split 32 s3", 17, 32, LaunchSplitVariant<32, 3>},
    {"split 32 s8", 17, 32, LaunchSplitVariant<32, 8>},
};

}  // namespace facet::cuda
