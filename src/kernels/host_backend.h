// What backends whose memory is the host's share: nothing is copied, activations and caches are
// float32, and the operations of a step are composed of smaller ones, one per file of the same name
// in ref/ and cpu/.
#pragma once

#include <cstring>
#include <optional>

#include "kernels/backend.h"
#include "kernels/device_info.h"

namespace facet {

/// One sequence's part of an attention call.
struct AttentionSequence {
  int64_t first_row = 0;       ///< its first row in query and out
  int64_t rows = 0;            ///< its query rows, consecutive positions
  int64_t first_position = 0;  ///< position of its first query row
  /// Cached rows, its own new ones included: float32 [capacity, kv_heads, head_dim]; position p is
  /// in row p % capacity, and every position that a query sees is still there.
  const void* keys = nullptr;
  const void* values = nullptr;
  int64_t capacity = 0;
  /// [rows]: one past the last position that the query row sees. position + 1 is causal; inside an
  /// image on a sliding layer it is the image's end.
  const int64_t* visible_end = nullptr;
};

class HostBackend : public Backend {
 public:
  Buffer Allocate(int64_t bytes) final { return Buffer::Host(bytes); }
  int64_t AvailableMemory() final { return AvailableHostMemory(); }
  void Write(const void* host, int64_t bytes, void* out) final {
    std::memcpy(out, host, static_cast<size_t>(bytes));
  }
  void Copy(const void* from, int64_t bytes, void* out) final { Write(from, bytes, out); }
  ConstMatrix Read(ConstMatrix matrix, Buffer&) final { return matrix; }
  ConstMatrix ReadActivations(const Activations& x, Buffer&) final { return RowsOf(x); }
  Weight Place(const Weight& weight, std::vector<Buffer>&) final { return weight; }
  int64_t PlacedBytes(const Weight&) const final { return 0; }
  void PlaceGroup(LinearGroup, std::span<Weight>, std::vector<Buffer>&) final {}
  const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>&) final {
    return values.data();
  }
  DType cache_dtype() const final { return DType::kF32; }
  int64_t ActivationBytes(int64_t rows, int64_t cols) const final {
    return rows * cols * static_cast<int64_t>(sizeof(float));
  }
  int64_t full_step_tokens() const final { return 512; }
  std::unique_ptr<StepRecordings> MakeRecordings() final { return nullptr; }
  void RunStep(StepRecordings*, uint64_t, const std::function<void()>& operations) final {
    operations();
  }

  void BeginStep(const StepPlan& plan) override;
  void Embed(const Bf16Matrix& table, float scale, Matrix out) override;
  void Angles(size_t kind, const RopeAngles& out) override;
  void InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) override {
    RmsNorm(x, weight, eps, RowsOf(out));
  }
  void ResidualNorm(const ResidualNormStep& step) override;
  void QueryKeyValue(const QueryKeyValueStep& step) override;
  void Attend(const AttentionStep& step) override;
  void Project(const Weight& weight, const GroupInput& input, Matrix out) override;
  void GateUp(const GateUpStep& step) override;
  bool TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) override;

  /// out[t] = scale * table[ids[t]]. table BF16 [vocabulary, hidden]; ids in range; out [tokens,
  /// hidden].
  virtual void EmbedRows(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
                         Matrix out) = 0;

  /// Turns every head of x [tokens, heads * head_dim] in place: with half = head_dim / 2,
  /// x[i], x[i + half] = x[i] c_i - x[i + half] s_i, x[i + half] c_i + x[i] s_i. Angles' width is
  /// half.
  virtual void Rope(Matrix x, const RopeAngles& angles) = 0;

  /// Quantizes activations to NVFP4 with a static input scale (tensor/nvfp4.h,
  /// QuantizeActivationBlock). codes [tokens, cols / 2], block_scales [tokens, cols / 16]; cols a
  /// multiple of 16.
  virtual void QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                                   uint8_t* block_scales) = 0;

  /// out = alpha * sum over blocks of sA sW (sum of 16 code products), alpha = f32(x.global_scale *
  /// weight.global_scale): the W4A4 product. x holds QuantizeActivations' output, its global_scale
  /// the input scale. Block sums are exact integers. x [tokens, cols], out [tokens, rows of W].
  virtual void LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) = 0;

  /// Copies rows [tokens, kv_heads * head_dim] into a cache ring from `first_position` on.
  virtual void AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                           void* cache) = 0;

  /// Softmax attention as AttentionStep states it, for the sequences given. query, out [tokens,
  /// heads * head_dim].
  virtual void Attention(const AttentionShape& shape, std::span<const AttentionSequence> sequences,
                         ConstMatrix query, Matrix out) = 0;

  /// out = gelu_tanh(gate) * up, as GateUpStep states it. All [tokens, intermediate]; out may be
  /// gate or up.
  virtual void GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) = 0;

  /// residual = (residual + x) * scale.
  virtual void Residual(ConstMatrix x, float scale, Matrix residual) = 0;

 private:
  class Inputs;  // of a group of linears, quantized once

  static Matrix RowsOf(const Activations& x) {
    return {static_cast<float*>(x.data), x.rows, x.cols};
  }
  const CacheRing& RingOf(size_t layer, size_t sequence) const {
    return rings_[layer * sequences_.size() + sequence];
  }

  // The step begun last.
  std::vector<int32_t> tokens_;
  std::vector<StepSequence> sequences_;
  std::vector<CacheRing> rings_;
  std::vector<int64_t> causal_end_;
  std::vector<int64_t> visible_end_;
  std::array<std::vector<double>, 2> frequencies_;
};

}  // namespace facet
