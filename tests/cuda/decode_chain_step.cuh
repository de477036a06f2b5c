// The launches of decode_chain.cuh.
#pragma once

#include <algorithm>
#include <cmath>

#include "decode_chain.cuh"

namespace facet::cuda {

inline int64_t ChainScratchBytes(int64_t batch, int64_t depth) {
  int64_t bytes = 16;
  for (const ChainShape& shape : {kSliding, kFull}) {
    AttentionDecodeDesc desc{};
    desc.shape = {ChainShape::kHeads, shape.kv_heads, shape.head_dim, shape.window};
    desc.count = batch;
    desc.max_depth = depth + 1;
    bytes = std::max(bytes, AttentionDecodeScratchBytes(desc));
  }
  return bytes;
}

inline Chain::Chain(int64_t batch, int64_t depth)
    : batch_(batch),
      depth_(depth),
      head_(kVocabulary * kHidden, 7),
      norm_weight_(kIntermediate, 8),
      hidden_(batch * kHidden),
      normed_(batch * kHidden),
      qkv_(batch * kFull.qkv_rows()),
      query_(batch * kFull.query_rows()),
      attended_(batch * kFull.query_rows()),
      projected_(batch * kHidden),
      activated_(batch * kIntermediate),
      logits_(batch * kVocabulary),
      cosines_(batch * 256),
      sines_(batch * 256),
      scratch_(ChainScratchBytes(batch, depth)) {
  std::vector<float> cosines(static_cast<size_t>(cosines_.size()));
  std::vector<float> sines(cosines.size());
  for (size_t i = 0; i < cosines.size(); ++i) {
    cosines[i] = std::cos(0.1f * static_cast<float>(i));
    sines[i] = std::sin(0.1f * static_cast<float>(i));
  }
  cosines_.Set(cosines);
  sines_.Set(sines);
  for (int i = 0; i < kChainLayers; ++i) {
    const ChainShape& shape = ShapeOf(i);
    const int64_t capacity = shape.window > 0 ? shape.window : depth + 1;
    layers_.push_back(std::make_unique<ChainLayer>(i, batch, capacity));
    ChainLayer& layer = *layers_.back();
    std::vector<CacheSlot> slots;
    std::vector<CacheSequence> sequences;
    for (int64_t s = 0; s < batch; ++s) {
      uint16_t* keys = layer.keys.data() + s * capacity * shape.key_rows();
      uint16_t* values = layer.values.data() + s * capacity * shape.key_rows();
      slots.push_back({keys, values, capacity, s, 1, depth});
      sequences.push_back({keys, values, capacity, s, 1, depth, nullptr});
    }
    layer.slots.Set(slots);
    layer.sequences.Set(sequences);
  }
  Reset();
}

inline void Chain::Reset() {
  std::vector<float> hidden;
  for (int64_t i = 0; i < hidden_.size(); ++i) {
    hidden.push_back(std::sin(static_cast<float>(i * i % 1009)));
  }
  hidden_.Set(hidden);
  std::vector<uint16_t> normed(static_cast<size_t>(normed_.size()), 0x3F00);  // 0.5
  normed_.Set(normed);
}

inline double Chain::bytes() const {
  int64_t total = head_.size() * 2;
  for (int i = 0; i < kChainLayers; ++i) {
    const ChainLayer& layer = *layers_[static_cast<size_t>(i)];
    const ChainShape& shape = ShapeOf(i);
    const int64_t seen = shape.window > 0 ? std::min(depth_ + 1, shape.window) : depth_ + 1;
    total += layer.qkv.size() + layer.out.size() + layer.gate_up.size() + layer.down.size() +
             batch_ * seen * shape.key_rows() * 4;
  }
  return static_cast<double>(total);
}

/// `bytes` of a weight from `first` on, what there is of them.
inline L2Prefetch PrefetchOf(const DeviceArray<uint8_t>& weight, int64_t first, int64_t bytes) {
  first = std::clamp<int64_t>(first, 0, weight.size());
  return {weight.data() + first,
          std::min(std::max<int64_t>(bytes, 0), weight.size() - first) / 16 * 16};
}

inline void Chain::Norm(const ChainOptions& options, const float* x, float scale,
                        cudaStream_t stream) const {
  if (options.skip[kResidualNorm]) return;
  CHECK_CUDA(ResidualNorm({batch_, kHidden, x, norm_weight_.data(), scale, hidden_.data(),
                           norm_weight_.data(), normed_.data(), kChainEps, options.programmatic},
                          stream));
}

inline void Chain::Attend(const ChainOptions& options, int index, cudaStream_t stream) const {
  const ChainLayer& layer = *layers_[static_cast<size_t>(index)];
  const ChainShape& shape = ShapeOf(index);
  const int64_t stride = shape.qkv_rows();
  float* key = qkv_.data() + shape.query_rows();
  float* value = shape.has_value ? key + shape.key_rows() : key;
  if (!options.skip[kQkv]) {
    LinearNvfp4Desc desc{Input(normed_, kHidden), layer.qkv.data(),    {},
                         shape.has_value ? 3 : 2, LinearOut::kFloat32, options.programmatic};
    desc.parts[0] = {shape.query_rows(), 0.01f, qkv_.data(), stride};
    desc.parts[1] = {shape.key_rows(), 0.01f, key, stride};
    if (shape.has_value) desc.parts[2] = {shape.key_rows(), 0.01f, value, stride};
    desc.prefetch = PrefetchOf(layer.out, 0, options.qkv_prefetch);
    CHECK_CUDA(options.qkv(desc, stream));
  }
  if (!options.skip[kHeadNormRope]) {
    CHECK_CUDA(HeadNormRope(
        {batch_, ChainShape::kHeads, shape.kv_heads, shape.head_dim, qkv_.data(), stride, key,
         stride, value, stride, norm_weight_.data(), norm_weight_.data(), kChainEps,
         cosines_.data(), sines_.data(), query_.data(), layer.slots.data(), batch_},
        stream));
  }
  if (!options.skip[kAttention]) {
    AttentionDecodeDesc desc{};
    desc.shape = {ChainShape::kHeads, shape.kv_heads,       shape.head_dim,
                  shape.window,       query_.data(),        ActivationType::kBf16,
                  attended_.data(),   ActivationType::kBf16};
    desc.sequences = layer.sequences.data();
    desc.count = batch_;
    desc.max_depth = depth_ + 1;
    desc.scratch = scratch_.data();
    CHECK_CUDA(AttentionDecode(desc, stream));
  }
  if (!options.skip[kOut]) {
    LinearNvfp4Desc desc{Input(attended_, shape.query_rows()),
                         layer.out.data(),
                         {},
                         1,
                         LinearOut::kFloat32,
                         options.programmatic};
    desc.parts[0] = {kHidden, 0.01f, projected_.data(), kHidden};
    desc.prefetch = PrefetchOf(layer.gate_up, 0, options.out_prefetch);
    CHECK_CUDA(options.out(desc, stream));
  }
}

inline void Chain::Mlp(const ChainOptions& options, int index, cudaStream_t stream) const {
  const ChainLayer& layer = *layers_[static_cast<size_t>(index)];
  if (!options.skip[kGateUp]) {
    GateUpNvfp4Desc desc{
        Input(normed_, kHidden), layer.gate_up.data(), kIntermediate,       0.01f, 0.01f,
        activated_.data(),       kIntermediate,        options.programmatic};
    desc.prefetch = PrefetchOf(layer.down, 0, options.gate_up_prefetch);
    CHECK_CUDA(options.gate_up(desc, stream));
  }
  if (!options.skip[kDown]) {
    LinearNvfp4Desc desc{Input(activated_, kIntermediate),
                         layer.down.data(),
                         {},
                         1,
                         LinearOut::kFloat32,
                         options.programmatic};
    desc.parts[0] = {kHidden, 0.01f, projected_.data(), kHidden};
    if (index + 1 < options.layers) {
      desc.prefetch =
          PrefetchOf(layers_[static_cast<size_t>(index) + 1]->qkv, 0, options.down_prefetch);
    }
    CHECK_CUDA(options.down(desc, stream));
  }
}

inline void Chain::Launch(const ChainOptions& options, cudaStream_t stream) const {
  for (int i = 0; i < options.layers; ++i) {
    Attend(options, i, stream);
    Norm(options, projected_.data(), 1.0f, stream);
    Mlp(options, i, stream);
    Norm(options, projected_.data(), 0.5f, stream);
  }
  if (options.skip[kHead]) return;
  CHECK_CUDA(LinearBf16Decode({Input(normed_, kHidden),
                               head_.data(),
                               {kVocabulary, 1.0f, logits_.data(), kVocabulary},
                               LinearOut::kFloat32,
                               options.programmatic},
                              stream));
}

}  // namespace facet::cuda
