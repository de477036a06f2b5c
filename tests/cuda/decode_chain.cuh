// A decode step of the 12B's shapes from random weights: every kernel of every layer, in order, on
// a stream. What decode_chain_test.cu checks and times.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/head_norm_rope.h"
#include "kernels/cuda/linear_decode.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/residual_norm.h"
#include "linear_checks.cuh"

namespace facet::cuda {

enum ChainKernel { kResidualNorm, kQkv, kHeadNormRope, kAttention, kOut, kGateUp, kDown, kHead };
inline constexpr const char* kChainNames[] = {
    "residual norms", "q/k/v", "head norm, rope", "attention", "out", "gate/up", "down", "head"};
inline constexpr int kChainKernels = 8;

/// What of a step is launched, and how.
struct ChainOptions {
  std::array<bool, kChainKernels> skip = {};
  bool programmatic = true;
  int layers = 48;
  cudaError_t (*qkv)(const LinearNvfp4Desc&, cudaStream_t) = LinearNvfp4Decode;
  cudaError_t (*out)(const LinearNvfp4Desc&, cudaStream_t) = LinearNvfp4Decode;
  cudaError_t (*gate_up)(const GateUpNvfp4Desc&, cudaStream_t) = GateUpNvfp4Decode;
  cudaError_t (*down)(const LinearNvfp4Desc&, cudaStream_t) = LinearNvfp4Decode;
  /// Bytes of the next weights that a layer's kernels bring into the L2 cache.
  int64_t qkv_prefetch = 0;  ///< of out's, then of gate/up's
  int64_t out_prefetch = 0;  ///< of gate/up's, behind those
  int64_t gate_up_prefetch = 0;
  int64_t down_prefetch = 0;  ///< of the next layer's q/k/v, or of the head's
};

/// Sizes of one kind of layer.
struct ChainShape {
  int64_t head_dim;
  int64_t kv_heads;
  bool has_value;
  int64_t window;

  static constexpr int64_t kHeads = 16;
  int64_t query_rows() const { return kHeads * head_dim; }
  int64_t key_rows() const { return kv_heads * head_dim; }
  int64_t qkv_rows() const { return query_rows() + key_rows() * (has_value ? 2 : 1); }
};

inline constexpr int64_t kHidden = 3840;
inline constexpr int64_t kIntermediate = 15360;
inline constexpr int64_t kVocabulary = 262144;
inline constexpr int kChainLayers = 48;
inline constexpr double kChainEps = 1e-6;
inline constexpr ChainShape kSliding{256, 8, true, 1024};
inline constexpr ChainShape kFull{512, 1, false, 0};
inline bool IsFull(int layer) { return layer % 6 == 5; }
inline const ChainShape& ShapeOf(int layer) { return IsFull(layer) ? kFull : kSliding; }

/// Records of random codes and scales near 1.
static __global__ void FillPacked(uint64_t seed, int64_t bytes, uint32_t* out) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < bytes / 4;
       i += int64_t{gridDim.x} * blockDim.x) {
    const auto bits = static_cast<uint32_t>(Random(seed, static_cast<uint64_t>(i)));
    const bool is_scale = i * 4 % kPackRecordBytes >= kPackCodeBytes;
    out[i] = is_scale ? 0x48484848u + (bits & 0x0F0F0F0Fu) : bits;
  }
}

struct ChainLayer {
  ChainLayer(int index, int64_t batch, int64_t capacity)
      : qkv(PackedBytes(ShapeOf(index).qkv_rows(), kHidden)),
        out(PackedBytes(kHidden, ShapeOf(index).query_rows())),
        gate_up(GateUpBytes(kIntermediate, kHidden)),
        down(PackedBytes(kHidden, kIntermediate)),
        keys(batch * capacity * ShapeOf(index).key_rows(), 100 + static_cast<uint64_t>(index)),
        values(batch * capacity * ShapeOf(index).key_rows(), 200 + static_cast<uint64_t>(index)),
        slots(batch),
        sequences(batch) {
    uint64_t seed = 1000 + 10 * static_cast<uint64_t>(index);
    for (const DeviceArray<uint8_t>* weight : {&qkv, &out, &gate_up, &down}) {
      FillPacked<<<2048, 256>>>(seed++, weight->size(),
                                reinterpret_cast<uint32_t*>(weight->data()));
      CHECK_CUDA(cudaGetLastError());
    }
  }

  DeviceArray<uint8_t> qkv;
  DeviceArray<uint8_t> out;
  DeviceArray<uint8_t> gate_up;
  DeviceArray<uint8_t> down;
  RandomBf16 keys;
  RandomBf16 values;
  DeviceArray<CacheSlot> slots;
  DeviceArray<CacheSequence> sequences;
};

class Chain {
 public:
  Chain(int64_t batch, int64_t depth);

  /// One step on the stream. The hidden state goes on from where it is.
  void Launch(const ChainOptions& options, cudaStream_t stream) const;

  /// The hidden state and the cache rows of the step as they were before the first step.
  void Reset();

  const DeviceArray<float>& logits() const { return logits_; }
  const DeviceArray<float>& hidden() const { return hidden_; }
  /// Bytes that a step must read: weights, and the cache.
  double bytes() const;

 private:
  void Attend(const ChainOptions& options, int index, cudaStream_t stream) const;
  void Mlp(const ChainOptions& options, int index, cudaStream_t stream) const;
  void Norm(const ChainOptions& options, const float* x, float scale, cudaStream_t stream) const;
  LinearInput Input(const DeviceArray<uint16_t>& x, int64_t cols) const {
    return {x.data(), batch_, cols, cols};
  }

  int64_t batch_;
  int64_t depth_;
  std::vector<std::unique_ptr<ChainLayer>> layers_;
  RandomBf16 head_;
  RandomBf16 norm_weight_;
  DeviceArray<float> hidden_;
  DeviceArray<uint16_t> normed_;
  DeviceArray<float> qkv_;
  DeviceArray<uint16_t> query_;
  DeviceArray<uint16_t> attended_;
  DeviceArray<float> projected_;
  DeviceArray<uint16_t> activated_;
  DeviceArray<float> logits_;
  DeviceArray<float> cosines_;
  DeviceArray<float> sines_;
  DeviceArray<uint8_t> scratch_;
};

}  // namespace facet::cuda
