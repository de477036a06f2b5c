// A backend of a device behind the interface of one whose memory is the host's: every call copies
// its arguments there and the results back. Lets one suite of tests serve all backends.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/host_backend.h"
#include "tensor/bf16.h"

namespace facet::testing {

class OnHostBackend final : public HostBackend {
 public:
  explicit OnHostBackend(std::unique_ptr<Backend> device) : device_(std::move(device)) {}

  std::string_view name() const override { return device_->name(); }

  void Embed(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
             Matrix out) override {
    Call call(*device_);
    device_->Embed(std::get<Bf16Matrix>(call.Placed(table)), ids, scale, call.Out(out));
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
  void Rope(Matrix x, const RopeAngles& angles) override {
    Call call(*device_);
    device_->Rope(call.InOut(x), {call.In(angles.cosines), call.In(angles.sines)});
  }
  void Linear(const Weight& weight, ConstMatrix x, Matrix out) override {
    Call call(*device_);
    device_->Linear(call.Placed(weight), call.In(x), call.Out(out));
  }
  void QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                           uint8_t* block_scales) override {
    Call call(*device_);
    const int64_t values = x.rows * x.cols;
    device_->QuantizeActivations(call.In(x), input_scale, call.OutBytes(codes, values / 2),
                                 call.OutBytes(block_scales, values / kNvfp4Block));
  }
  void LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) override {
    Call call(*device_);
    Nvfp4Matrix inputs = x;
    inputs.codes = call.InBytes(x.codes, x.rows * x.cols / 2);
    inputs.block_scales = call.InBytes(x.block_scales, x.rows * x.cols / kNvfp4Block);
    device_->LinearW4A4(std::get<Nvfp4Matrix>(call.Placed(weight)), inputs, call.Out(out));
  }
  /// The cache stays float32 outside: what the device rounds comes back rounded.
  void AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                   void* cache) override {
    Call call(*device_);
    const int64_t count = capacity * rows.cols;
    auto* ring = static_cast<float*>(cache);
    const std::vector<uint16_t> before = Rounded(ring, count);
    std::vector<uint16_t> after(before.size());
    device_->AppendCache(call.In(rows), first_position, capacity,
                         call.InOutCache(before, after.data()));
    call.Finish();
    for (int64_t i = 0; i < count; ++i) ring[i] = FloatFromBf16(after[static_cast<size_t>(i)]);
  }
  void Attention(const AttentionShape& shape, std::span<const AttentionSequence> sequences,
                 ConstMatrix query, Matrix out) override {
    Call call(*device_);
    std::vector<AttentionSequence> placed(sequences.begin(), sequences.end());
    for (AttentionSequence& sequence : placed) {
      const int64_t count = sequence.capacity * shape.kv_heads * shape.head_dim;
      sequence.keys = call.Cache(Rounded(static_cast<const float*>(sequence.keys), count));
      sequence.values = call.Cache(Rounded(static_cast<const float*>(sequence.values), count));
      sequence.visible_end = call.Ends(sequence.visible_end, sequence.rows);
    }
    device_->Attention(shape, placed, call.In(query), call.Out(out));
  }
  void GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) override {
    Call call(*device_);
    device_->GeluMul(call.In(gate), call.In(up), call.Out(out));
  }
  void Residual(ConstMatrix x, float scale, Matrix residual) override {
    Call call(*device_);
    device_->Residual(call.In(x), scale, call.InOut(residual));
  }
  void AddBias(const uint16_t* bias, Matrix x) override {
    Call call(*device_);
    device_->AddBias(call.Placed(bias, x.cols), call.InOut(x));
  }
  void AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) override {
    Call call(*device_);
    int32_t limit = 0;
    for (const int32_t position : positions) limit = std::max(limit, position + 1);
    device_->AddPositions(call.Placed(table, 2 * limit * x.cols), positions, call.InOut(x));
  }
  void SoftCap(float cap, Matrix x) override {
    Call call(*device_);
    device_->SoftCap(cap, call.InOut(x));
  }
  float AbsMax(const Bf16Matrix& weight) override { return device_->AbsMax(weight); }
  void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                      uint8_t* codes, uint8_t* block_scales) override {
    device_->QuantizeWeight(weight, global_scale, compat, codes, block_scales);
  }

 private:
  static std::vector<uint16_t> Rounded(const float* values, int64_t count) {
    std::vector<uint16_t> rounded;
    for (int64_t i = 0; i < count; ++i) rounded.push_back(Bf16FromFloat(values[i]));
    return rounded;
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
    const uint8_t* InBytes(const uint8_t* data, int64_t bytes) { return Sent(data, bytes); }
    uint8_t* OutBytes(uint8_t* data, int64_t bytes) {
      returns_.push_back({data, Sent(data, bytes), bytes});
      return returns_.back().device;
    }
    const void* Cache(const std::vector<uint16_t>& rows) {
      return Sent(rows.data(), static_cast<int64_t>(rows.size() * 2));
    }
    void* InOutCache(const std::vector<uint16_t>& before, uint16_t* after) {
      const auto bytes = static_cast<int64_t>(before.size() * 2);
      returns_.push_back({after, Sent(before.data(), bytes), bytes});
      return returns_.back().device;
    }
    const int64_t* Ends(const int64_t* ends, int64_t rows) {
      return reinterpret_cast<const int64_t*>(Sent(ends, rows * 8));
    }
    Weight Placed(const Weight& weight) { return device_.Place(weight, memory_); }
    const uint16_t* Placed(const uint16_t* values, int64_t count) {
      if (values == nullptr) return nullptr;
      return device_.Place(std::span(values, static_cast<size_t>(count)), memory_);
    }

    void Finish() {
      for (const Return& result : returns_) {
        // Read() takes floats: whole ones, the last perhaps more than the result's bytes.
        const int64_t floats = (result.bytes + 3) / 4;
        Buffer storage;
        const ConstMatrix copy =
            device_.Read({reinterpret_cast<const float*>(result.device), 1, floats}, storage);
        std::memcpy(result.host, copy.data, static_cast<size_t>(result.bytes));
      }
      returns_.clear();
    }

   private:
    struct Return {
      void* host = nullptr;
      uint8_t* device = nullptr;
      int64_t bytes = 0;
    };
    static int64_t Bytes(ConstMatrix x) { return x.rows * x.cols * 4; }

    uint8_t* Sent(const void* data, int64_t bytes) {
      auto* device = memory_.emplace_back(device_.Allocate((bytes + 15) / 16 * 16)).as<uint8_t>();
      if (bytes > 0) device_.Write(data, bytes, device);
      return device;
    }
    Matrix Returned(Matrix x, uint8_t* device) {
      returns_.push_back({x.data, device, Bytes(x)});
      return {reinterpret_cast<float*>(device), x.rows, x.cols};
    }

    Backend& device_;
    std::vector<Buffer> memory_;
    std::vector<Return> returns_;
  };

  std::unique_ptr<Backend> device_;
};

}  // namespace facet::testing
