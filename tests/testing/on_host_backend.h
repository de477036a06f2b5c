// A backend of a device behind the interface of one whose memory is the host's: every call copies
// its arguments there and the results back. Lets one suite of tests serve all backends.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kernels/host_backend.h"
#include "tensor/bf16.h"

namespace facet::testing {

class OnHostBackend final : public HostBackend {
 public:
  explicit OnHostBackend(std::unique_ptr<Backend> device) : device_(std::move(device)) {}

  std::string_view name() const override { return device_->name(); }

  void BeginStep(const StepPlan& plan) override {
    tokens_.assign(plan.tokens.begin(), plan.tokens.end());
    sequences_.assign(plan.sequences.begin(), plan.sequences.end());
    rings_.assign(plan.rings.begin(), plan.rings.end());
    visible_end_.assign(plan.visible_end.begin(), plan.visible_end.end());
    for (const size_t kind : {size_t{0}, size_t{1}}) {
      frequencies_[kind].assign(plan.frequencies[kind].begin(), plan.frequencies[kind].end());
    }
  }
  void Embed(const Bf16Matrix& table, float scale, Matrix out) override {
    Call call(*device_);
    BeginOnDevice({});
    device_->Embed(std::get<Bf16Matrix>(call.Placed(table)), scale, call.Out(out));
  }
  void Angles(size_t kind, const RopeAngles& out) override {
    Call call(*device_);
    BeginOnDevice({});
    device_->Angles(kind, {call.Out(out.cosines), call.Out(out.sines)});
  }
  void InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) override {
    Call call(*device_);
    device_->InputNorm(call.In(x), call.Placed(weight, x.cols), eps, call.Out(out));
  }
  void ResidualNorm(const ResidualNormStep& step) override {
    Call call(*device_);
    ResidualNormStep placed = step;
    placed.x = call.InOut(step.x);
    placed.weight = call.Placed(step.weight, step.x.cols);
    placed.residual = call.InOut(step.residual);
    placed.next_weight = call.Placed(step.next_weight, step.x.cols);
    if (step.next_weight != nullptr) placed.next = call.Out(step.next);
    device_->ResidualNorm(placed);
  }
  void QueryKeyValue(const QueryKeyValueStep& step) override {
    Call call(*device_);
    BeginOnDevice(call.Rings(RingsOf(step.layer), step.shape.kv_heads * step.shape.head_dim));
    std::vector<Weight> weights = {*step.query_weight, *step.key_weight};
    if (step.value_weight != nullptr) weights.push_back(*step.value_weight);
    call.PlaceGroup(LinearGroup::kQueryKeyValue, weights);
    QueryKeyValueStep placed = step;
    placed.layer = 0;
    placed.query_weight = &weights[0];
    placed.key_weight = &weights[1];
    placed.value_weight = step.value_weight != nullptr ? &weights[2] : nullptr;
    placed.query_norm = call.Placed(step.query_norm, step.shape.head_dim);
    placed.key_norm = call.Placed(step.key_norm, step.shape.head_dim);
    placed.angles = {call.InOut(step.angles.cosines), call.InOut(step.angles.sines)};
    placed.input = call.In(step.input);
    placed.query = call.Out(step.query);
    placed.key = call.Out(step.key);
    placed.value = call.Out(step.value);
    placed.out = call.Out(step.out);
    device_->QueryKeyValue(placed);
  }
  void Attend(const AttentionStep& step) override {
    Call call(*device_);
    BeginOnDevice(call.Rings(RingsOf(step.layer), step.shape.kv_heads * step.shape.head_dim));
    AttentionStep placed = step;
    placed.layer = 0;
    placed.query = call.In(step.query);
    placed.out = call.Out(step.out);
    device_->Attend(placed);
  }
  void Project(const Weight& weight, const GroupInput& input, Matrix out) override {
    Call call(*device_);
    device_->Project(call.Placed(weight), call.In(input), call.Out(out));
  }
  void GateUp(const GateUpStep& step) override {
    Call call(*device_);
    std::vector<Weight> weights = {*step.gate_weight, *step.up_weight};
    call.PlaceGroup(LinearGroup::kGateUp, weights);
    device_->GateUp({.gate_weight = &weights[0],
                     .up_weight = &weights[1],
                     .input = call.In(step.input),
                     .gate = call.Out(step.gate),
                     .up = call.Out(step.up),
                     .out = call.Out(step.out)});
  }
  void RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) override {
    Call call(*device_);
    device_->RmsNorm(call.In(x), call.Placed(weight, x.cols), eps, call.Out(out));
  }
  void LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                 Matrix out) override {
    Call call(*device_);
    device_->LayerNorm(call.In(x), call.Placed(weight, x.cols), call.Placed(bias, x.cols), eps,
                       call.Out(out));
  }
  void Linear(const Weight& weight, ConstMatrix x, Matrix out) override {
    Call call(*device_);
    device_->Linear(call.Placed(weight), call.In(x), call.Out(out));
  }
  void AddBias(const uint16_t* bias, Matrix x) override {
    Call call(*device_);
    device_->AddBias(call.Placed(bias, x.cols), call.InOut(x));
  }
  void AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) override {
    Call call(*device_);
    int32_t limit = 0;
    for (const int32_t position : positions) limit = std::max(limit, position + 1);
    device_->AddPositions(call.Placed(table, int64_t{2} * limit * x.cols), positions,
                          call.InOut(x));
  }
  void SoftCap(float cap, Matrix x) override {
    Call call(*device_);
    device_->SoftCap(cap, call.InOut(x));
  }
  bool TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) override {
    Call call(*device_);
    return device_->TopK(call.In(x), k, out);
  }

  // What steps are composed of on hosts: a device has its own steps, above.
  void EmbedRows(const Bf16Matrix&, std::span<const int32_t>, float, Matrix) override { Absent(); }
  void Rope(Matrix, const RopeAngles&) override { Absent(); }
  void QuantizeActivations(ConstMatrix, float, uint8_t*, uint8_t*) override { Absent(); }
  void LinearW4A4(const Nvfp4Matrix&, const Nvfp4Matrix&, Matrix) override { Absent(); }
  void AppendCache(ConstMatrix, int64_t, int64_t, void*) override { Absent(); }
  void Attention(const AttentionShape&, std::span<const AttentionSequence>, ConstMatrix,
                 Matrix) override {
    Absent();
  }
  void GeluMul(ConstMatrix, ConstMatrix, Matrix) override { Absent(); }
  void Residual(ConstMatrix, float, Matrix) override { Absent(); }

  float AbsMax(const Bf16Matrix& weight) override { return device_->AbsMax(weight); }
  void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                      uint8_t* codes, uint8_t* block_scales) override {
    device_->QuantizeWeight(weight, global_scale, compat, codes, block_scales);
  }

 private:
  [[noreturn]] static void Absent() { throw std::logic_error("not an operation of a device"); }

  std::span<const CacheRing> RingsOf(size_t layer) const {
    return std::span(rings_).subspan(layer * sequences_.size(), sequences_.size());
  }
  void BeginOnDevice(const std::vector<CacheRing>& rings) {
    device_->BeginStep({.tokens = tokens_,
                        .sequences = sequences_,
                        .rings = rings,
                        .visible_end = visible_end_,
                        .frequencies = {frequencies_[0], frequencies_[1]}});
  }

  /// Device memory of one call. Results are copied back by Finish(), which the destructor calls.
  class Call {
   public:
    explicit Call(Backend& device) : device_(device) {}
    ~Call() { Finish(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    ConstMatrix In(ConstMatrix x) {
      return {reinterpret_cast<const float*>(Sent(x.data, Bytes(x))), x.rows, x.cols};
    }
    Matrix InOut(Matrix x) { return Returned(x, Sent(x.data, Bytes(x))); }
    /// Poisoned, so that what the operation does not write is seen.
    Matrix Out(Matrix x) {
      const std::vector<uint8_t> poison(static_cast<size_t>(Bytes(x)), 0xFF);
      return Returned(x, Sent(poison.data(), Bytes(x)));
    }
    /// Activations: float32 here, BF16 rows there, as far apart as the device has them.
    Activations In(const Activations& x) {
      return {Sent(Rounded(x).data(), Bytes(x)), x.rows, x.cols};
    }
    GroupInput In(const GroupInput& input) {
      void* quantized = nullptr;
      if (input.quantized != nullptr) quantized = Sent(Rounded(input.x).data(), Bytes(input.x));
      return {In(input.x), quantized};
    }
    Activations Out(const Activations& x) {
      const std::vector<uint8_t> poison(static_cast<size_t>(Bytes(x)), 0xFF);
      activations_.push_back({x, {Sent(poison.data(), Bytes(x)), x.rows, x.cols}});
      return activations_.back().device;
    }
    /// Caches of `width`: float32 here, BF16 there. What comes back is rounded.
    std::vector<CacheRing> Rings(std::span<const CacheRing> rings, int64_t width) {
      std::vector<CacheRing> placed;
      for (const CacheRing& ring : rings) {
        placed.push_back({Cache(ring.keys, ring.capacity * width),
                          Cache(ring.values, ring.capacity * width), ring.capacity});
      }
      return placed;
    }
    void PlaceGroup(LinearGroup group, std::span<Weight> weights) {
      device_.PlaceGroup(group, weights, memory_);
    }
    Weight Placed(const Weight& weight) { return device_.Place(weight, memory_); }
    const uint16_t* Placed(const uint16_t* values, int64_t count) {
      if (values == nullptr) return nullptr;
      return device_.Place(std::span(values, static_cast<size_t>(count)), memory_);
    }

    void Finish() {
      Buffer storage;
      for (const Return& result : returns_) {
        const ConstMatrix copy = device_.Read(result.device, storage);
        std::copy_n(copy.data, copy.rows * copy.cols, result.host);
      }
      for (const ActivationReturn& result : activations_) {
        const ConstMatrix copy = device_.ReadActivations(result.device, storage);
        std::copy_n(copy.data, copy.rows * copy.cols, static_cast<float*>(result.host.data));
      }
      returns_.clear();
      activations_.clear();
    }

   private:
    struct Return {
      float* host = nullptr;
      Matrix device;
    };
    struct ActivationReturn {
      Activations host;
      Activations device;
    };
    int64_t Bytes(const Activations& x) const { return device_.ActivationBytes(x.rows, x.cols); }
    std::vector<uint16_t> Rounded(const Activations& x) const {
      const int64_t stride = device_.ActivationBytes(1, x.cols) / 2;
      std::vector<uint16_t> rounded(static_cast<size_t>(x.rows * stride));
      for (int64_t i = 0; i < x.rows * x.cols; ++i) {
        rounded[static_cast<size_t>(i / x.cols * stride + i % x.cols)] =
            Bf16FromFloat(static_cast<const float*>(x.data)[i]);
      }
      return rounded;
    }
    void* Cache(void* host, int64_t count) {
      const Activations row{host, 1, count};
      activations_.push_back({row, {Sent(Rounded(row).data(), Bytes(row)), 1, count}});
      return activations_.back().device.data;
    }
    static int64_t Bytes(ConstMatrix x) { return x.rows * x.cols * 4; }

    uint8_t* Sent(const void* data, int64_t bytes) {
      auto* device = memory_.emplace_back(device_.Allocate((bytes + 15) / 16 * 16)).as<uint8_t>();
      if (bytes > 0) device_.Write(data, bytes, device);
      return device;
    }
    Matrix Returned(Matrix x, uint8_t* device) {
      returns_.push_back({x.data, {reinterpret_cast<float*>(device), x.rows, x.cols}});
      return returns_.back().device;
    }

    Backend& device_;
    std::vector<Buffer> memory_;
    std::vector<Return> returns_;
    std::vector<ActivationReturn> activations_;
  };

  std::unique_ptr<Backend> device_;
  // The step begun last.
  std::vector<int32_t> tokens_;
  std::vector<StepSequence> sequences_;
  std::vector<CacheRing> rings_;
  std::vector<int64_t> visible_end_;
  std::array<std::vector<double>, 2> frequencies_;
};

}  // namespace facet::testing
