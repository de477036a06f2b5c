// From a product's sizes to a launch of the decode kernel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/sm90/linear_call.h"
#include "kernels/cuda/sm90/linear_decode_kernel.cuh"

namespace facet::cuda::sm90 {

inline constexpr int kMaxSlices = 8;                   ///< CTAs of a portable cluster
inline constexpr int kDecodeSharedBytes = 226 * 1024;  ///< the rest is for the barriers

inline constexpr int kMaxCtaTiles = 32;  ///< row tiles of a cluster: bounds the room for sums

inline int CeilDivide(int a, int b) { return (a + b - 1) / b; }

template <class Stream>
DecodeArgs MakeDecodeArgs(const LinearCall& call) {
  DecodeArgs args;
  args.weights = static_cast<const uint8_t*>(call.weights);
  args.x = call.x.data;
  args.x_stride = call.x.stride;
  args.tokens = static_cast<int>(call.x.tokens);
  args.cols = static_cast<int>(call.x.cols);
  args.rows = static_cast<int>(call.rows);
  args.row_tiles = CeilDivide(args.rows, kTileRows);
  args.chunks = CeilDivide(args.cols, Stream::kChunkCols);
  std::copy(call.parts.begin(), call.parts.end(), args.parts);
  args.prefetch = static_cast<const uint8_t*>(call.prefetch.data);
  args.prefetch_bytes = call.prefetch.bytes;
  return args;
}

/// A cut of the work: clusters of args.slices CTAs, and a CTA's shared memory.
struct DecodeCut {
  int clusters = 0;
  int shared_bytes = 0;
};

template <class Stream, int kTokenTiles>
DecodeCut CutInto(const DecodeArgs& args, int processors) {
  const int resident = std::max(1, processors * Stream::kCtasPerProcessor / args.slices);
  const int clusters =
      std::max(std::min(resident, args.row_tiles), CeilDivide(args.row_tiles, kMaxCtaTiles));
  // Fewer clusters than hoped for may be resident, with more row tiles each.
  const int tiles = args.slices == 1 ? CeilDivide(args.row_tiles, clusters) : kMaxCtaTiles;
  const DecodeLayout layout =
      LayoutOf(args, tiles, Stream::kWarps, 8 * kTokenTiles, Stream::kChunkCols,
               Stream::kInputPadding, Stream::kRingBytes);
  return {clusters, layout.bytes};
}

/// Launches with clusters of at least min_slices CTAs: more if the activations do not fit.
template <class Stream, int kTokenTiles, OutForm kOutput>
cudaError_t LaunchDecode(const LinearCall& call, int min_slices, cudaStream_t stream) {
  const auto kernel = LinearDecodeKernel<Stream, kTokenTiles, kOutput>;
  int processors = 0;
  cudaError_t error = MultiprocessorCount(&processors);
  if (error != cudaSuccess) return error;
  DecodeArgs args = MakeDecodeArgs<Stream>(call);
  args.slices = min_slices;
  DecodeCut cut = CutInto<Stream, kTokenTiles>(args, processors);
  while (cut.shared_bytes > kDecodeSharedBytes / Stream::kCtasPerProcessor &&
         args.slices < kMaxSlices) {
    args.slices *= 2;
    cut = CutInto<Stream, kTokenTiles>(args, processors);
  }
  if (cut.shared_bytes > kDecodeSharedBytes) return cudaErrorInvalidValue;

  LaunchShape shape{.grid = dim3(static_cast<unsigned>(cut.clusters * args.slices)),
                    .threads = Stream::kWarps * 32,
                    .shared_bytes = cut.shared_bytes,
                    .cluster = args.slices,
                    .programmatic = call.programmatic};
  if (args.slices > 1) {
    error = AllowShared(kernel, cut.shared_bytes);
    if (error != cudaSuccess) return error;
    int resident = 0;
    error = cudaOccupancyMaxActiveClusters(&resident, kernel, LaunchConfig(shape, stream).get());
    if (error != cudaSuccess) return error;
    const int clusters = std::max(std::min(cut.clusters, std::max(1, resident)),
                                  CeilDivide(args.row_tiles, kMaxCtaTiles));
    shape.grid = dim3(static_cast<unsigned>(clusters * args.slices));
  }
  return LaunchKernel(kernel, shape, stream, args);
}

}  // namespace facet::cuda::sm90
