// The linear kernel of Hopper: one producer warp keeps a ring of stages in shared memory full, the
// consumer warpgroups multiply. Packed weights never exist decoded in memory: each consumer turns
// the words of its rows into A fragments in registers while the matrix unit works on earlier ones.
// CTAs are persistent and walk over tiles.
#pragma once

#include <cstdint>

#include "kernels/cuda/sm90/linear_epilogue.cuh"
#include "kernels/cuda/sm90/linear_multiply.cuh"
#include "kernels/cuda/sm90/linear_tile.cuh"
#include "kernels/cuda/sm90/ptx_cluster.cuh"
#include "kernels/cuda/sm90/tensor_map.cuh"

namespace facet::cuda::sm90 {

/// The ring's layout, and behind its barriers those of split tiles.
template <class Tile>
struct SharedLayout : RingLayout<Tile> {
  /// Every CTA's partial sums are staged; every CTA has read them.
  __device__ uint32_t Summable() const { return this->barriers + 16 * Tile::kStages; }
  __device__ uint32_t Summed() const { return Summable() + 8; }
};

/// One CTA's tile, and its range of 64-column steps.
struct TilePosition {
  int first_row = 0;
  int first_token = 0;
  int first_step = 0;
  int last_step = 0;
};

/// The walk over tiles. Token tiles are taken in groups; within a group the weight is swept once,
/// tiles that are close in time sharing weights and activations in L2.
template <class Tile>
struct TileWalk {
  const LinearArgs& args;
  int rank;  // in the cluster

  __device__ int First() const { return static_cast<int>(blockIdx.x) / args.splits; }
  __device__ int Stride() const { return static_cast<int>(gridDim.x) / args.splits; }
  __device__ int Count() const { return args.feature_tiles * args.token_tiles; }

  __device__ TilePosition At(int index) const {
    const int group = index / (args.feature_tiles * kGroupTokenTiles);
    const int within = index - group * args.feature_tiles * kGroupTokenTiles;
    const int width = min(kGroupTokenTiles, args.token_tiles - group * kGroupTokenTiles);
    TilePosition position;
    position.first_row = within / width * Tile::kFeatures;
    position.first_token = (group * kGroupTokenTiles + within % width) * Tile::kTokens;
    position.first_step = rank * args.col_tiles / args.splits;
    position.last_step = (rank + 1) * args.col_tiles / args.splits;
    return position;
  }
};

template <class Tile>
__device__ inline void InitBarriers(const SharedLayout<Tile>& shared, int splits) {
  constexpr uint32_t kWarps = 4 * Tile::kConsumers;
  for (int stage = 0; stage < Tile::kStages; ++stage) {
    MbarrierInit(shared.Full(stage), 1);
    MbarrierInit(shared.Empty(stage), kWarps);
  }
  MbarrierInit(shared.Summable(), kWarps * static_cast<uint32_t>(splits));
  MbarrierInit(shared.Summed(), kWarps * static_cast<uint32_t>(splits));
  MbarrierInitFence();
}

/// Opens a stage for one step and starts the copy of its weights.
template <class Tile>
__device__ inline void LoadWeights(const LinearArgs& args, const SharedLayout<Tile>& shared,
                                   const TilePosition& tile, int step, int stage) {
  constexpr bool kPacked = Tile::kWeights == WeightForm::kNvfp4;
  constexpr int kRecordWords = static_cast<int>(kPackRecordBytes / kMapWordBytes);
  MbarrierExpect(shared.Full(stage), Tile::kInputBytes + Tile::kWeightBytes);
  LoadBox(shared.Weights(stage), &args.weights, step * (kPacked ? kRecordWords : kStepCols),
          kPacked ? tile.first_row / 16 : tile.first_row, shared.Full(stage));
}

/// Keeps the ring full. The weights of the first stages are on their way before the previous
/// kernel's outputs are waited for.
template <class Tile>
__device__ inline void Produce(const LinearArgs& args, const SharedLayout<Tile>& shared,
                               const TileWalk<Tile>& walk) {
  const TilePosition start = walk.At(walk.First());
  const int early = min(Tile::kStages, start.last_step - start.first_step);
  for (int i = 0; i < early; ++i) LoadWeights(args, shared, start, start.first_step + i, i);
  WaitForPreviousKernel();
  RingPosition<Tile> ring;
  int loaded = 0;
  for (int index = walk.First(); index < walk.Count(); index += walk.Stride()) {
    const TilePosition tile = walk.At(index);
    for (int step = tile.first_step; step < tile.last_step; ++step) {
      if (loaded >= early) {
        MbarrierWait(shared.Empty(ring.stage), ring.parity ^ 1);
        LoadWeights(args, shared, tile, step, ring.stage);
      } else {
        ++loaded;
      }
      LoadBox(shared.Input(ring.stage), &args.x, step * kStepCols, tile.first_token,
              shared.Full(ring.stage));
      ring.Next();
    }
  }
}

/// This warp is done with a stage.
template <class Tile>
__device__ inline void ReleaseStage(const SharedLayout<Tile>& shared, int stage) {
  if (threadIdx.x % 32 == 0) MbarrierArrive(shared.Empty(stage));
}

/// The sum over a tile's steps.
template <class Tile>
__device__ inline void MultiplyTile(const SharedLayout<Tile>& shared, const TilePosition& tile,
                                    uint32_t consumer, RingPosition<Tile>& ring,
                                    float (&acc)[Tile::kBlocks][Tile::kTokens / 2]) {
  int previous = -1;
  const auto release_previous = [&] {
    if (previous >= 0) ReleaseStage(shared, previous);
  };
  for (int step = tile.first_step; step < tile.last_step; ++step) {
    MbarrierWait(shared.Full(ring.stage), ring.parity);
    const uint32_t weights = shared.Weights(ring.stage);
    const uint32_t input = shared.Input(ring.stage);
    const bool accumulate = step > tile.first_step;
    if constexpr (Tile::kWeights == WeightForm::kNvfp4) {
      MultiplyPacked<Tile>(weights, input, consumer, accumulate, acc, release_previous);
    } else {
      MultiplyBf16<Tile>(weights, input, consumer, accumulate, acc, release_previous);
    }
    previous = ring.stage;
    ring.Next();
  }
  WgmmaWait<0>();
  release_previous();
}

/// Arrives for this warp at a barrier of every CTA of the cluster, and waits for all of them.
__device__ inline void MeetCluster(uint32_t barrier, uint32_t parity, int splits) {
  __syncwarp();
  const uint32_t lane = threadIdx.x % 32;
  if (lane < static_cast<uint32_t>(splits)) MbarrierArriveCluster(ClusterAddress(barrier, lane));
  MbarrierWaitCluster(barrier, parity);
}

/// Adds up the cluster's partial sums and stores them, kSumTokens tokens at a time.
template <class Tile>
__device__ inline void SumTile(const LinearArgs& args, const SharedLayout<Tile>& shared,
                               const TilePosition& tile, int rank, uint32_t& parity,
                               const float (&acc)[Tile::kBlocks][Tile::kTokens / 2]) {
#pragma unroll
  for (int chunk = 0; chunk < Tile::kTokens / Tile::kSumTokens; ++chunk) {
    StagePartial<Tile>(threadIdx.x / 128 - 1, shared.staging, acc, chunk);
    MeetCluster(shared.Summable(), parity, args.splits);
    StoreSums<Tile>(args, tile.first_row, tile.first_token + chunk * Tile::kSumTokens, rank,
                    shared.staging);
    MeetCluster(shared.Summed(), parity, args.splits);
    parity ^= 1;
  }
}

template <class Tile>
__device__ inline void Consume(const LinearArgs& args, const SharedLayout<Tile>& shared,
                               const TileWalk<Tile>& walk) {
  const uint32_t consumer = threadIdx.x / 128 - 1;
  RingPosition<Tile> ring;
  uint32_t sum_parity = 0;
  float acc[Tile::kBlocks][Tile::kTokens / 2];
  for (int index = walk.First(); index < walk.Count(); index += walk.Stride()) {
    const TilePosition tile = walk.At(index);
    MultiplyTile(shared, tile, consumer, ring, acc);
    if constexpr (Tile::kSplit) {
      SumTile(args, shared, tile, walk.rank, sum_parity, acc);
    } else {
      constexpr int kRows = 64 * Tile::kBlocks;
      StoreTile<Tile>(args, tile.first_row + kRows * static_cast<int>(consumer), tile.first_token,
                      consumer, shared.staging + consumer * kChunkTokens * Tile::kStagedStride,
                      acc);
    }
  }
}

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    LinearKernel(const __grid_constant__ LinearArgs args) {
  extern __shared__ uint8_t memory[];
  SharedLayout<Tile> shared;
  const uint32_t base = SharedAddress(memory);
  const uint32_t padding = (1024 - base % 1024) % 1024;
  shared.stages = base + padding;
  shared.staging = reinterpret_cast<float*>(memory + padding + Tile::kStages * Tile::kStageBytes);
  shared.barriers = shared.stages + Tile::kStages * Tile::kStageBytes + Tile::kStagingBytes;
  const TileWalk<Tile> walk{args, Tile::kSplit ? static_cast<int>(ClusterRank()) : 0};

  if (threadIdx.x == 0) {
    InitBarriers(shared, args.splits);
    PrefetchMap(&args.weights);
    PrefetchMap(&args.x);
    LetNextKernelStart();
  }
  __syncthreads();
  if constexpr (Tile::kSplit) ClusterSync();

  if (threadIdx.x < 128) {
    DecreaseRegisters<Tile::kProducerRegisters>();
    if (threadIdx.x == 0) Produce(args, shared, walk);
  } else {
    IncreaseRegisters<Tile::kConsumerRegisters>();
    Consume(args, shared, walk);
  }
  // A CTA's shared memory lives until its neighbors are done with it.
  if constexpr (Tile::kSplit) {
    __syncthreads();
    ClusterSync();
  }
}

}  // namespace facet::cuda::sm90
