// The backend for NVIDIA cards. Each method is in the file of its name or of its kind.
//
// Activations are BF16: what linear layers and attention read is rounded once, where it is made.
// Weights are exact, products and sums, the residual stream and norms are float32, caches BF16. One
// stream: operations run in the order of their calls.
#pragma once

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <cuda_runtime_api.h>

#include "kernels/backend.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/pack_device.h"
#include "kernels/cuda/recordings.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/step_table.h"

namespace facet::cuda {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int device);
  ~CudaBackend() override;

  std::string_view name() const override { return "cuda"; }

  Buffer Allocate(int64_t bytes) override;
  int64_t AvailableMemory() override;
  void Write(const void* host, int64_t bytes, void* out) override;
  void Copy(const void* from, int64_t bytes, void* out) override;
  ConstMatrix Read(ConstMatrix matrix, Buffer& storage) override;
  ConstMatrix ReadActivations(const Activations& activations, Buffer& storage) override;
  Weight Place(const Weight& weight, std::vector<Buffer>& memory) override;
  int64_t PlacedBytes(const Weight& weight) const override;
  void PlaceGroup(LinearGroup group, std::span<Weight> weights,
                  std::vector<Buffer>& memory) override;
  const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) override;
  DType cache_dtype() const override { return DType::kBF16; }
  int64_t ActivationBytes(int64_t rows, int64_t cols) const override {
    return rows * StrideOf(cols) * static_cast<int64_t>(sizeof(uint16_t));
  }

  int64_t full_step_tokens() const override { return 2048; }

  void BeginStep(const StepPlan& plan) override { step_.Begin(plan, stream_); }
  std::unique_ptr<StepRecordings> MakeRecordings() override {
    return std::make_unique<Recordings>();
  }
  void RunStep(StepRecordings* recordings, uint64_t variant,
               const std::function<void()>& operations) override;
  void Embed(const Bf16Matrix& table, float scale, Matrix out) override;
  void Angles(size_t kind, const RopeAngles& out) override;
  void InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) override;
  void ResidualNorm(const ResidualNormStep& step) override;
  void QueryKeyValue(const QueryKeyValueStep& step) override;
  void Attend(const AttentionStep& step) override;
  void Project(const Weight& weight, const GroupInput& input, Matrix out) override;
  void GateUp(const GateUpStep& step) override;

  void RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) override;
  void LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                 Matrix out) override;
  void Linear(const Weight& weight, ConstMatrix x, Matrix out) override;
  void AddBias(const uint16_t* bias, Matrix x) override;
  void AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) override;
  void SoftCap(float cap, Matrix x) override;
  bool TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) override;

  float AbsMax(const Bf16Matrix& weight) override { return host_.AbsMax(weight); }
  void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                      uint8_t* codes, uint8_t* block_scales) override {
    host_.QuantizeWeight(weight, global_scale, compat, codes, block_scales);
  }

 private:
  class Inputs;  // of a group of linears, quantized once

  /// Device memory that an operation needs for itself; it only grows.
  class Scratch {
   public:
    /// At least `bytes`, valid until the next call. What it outgrows is kept: recorded launches may
    /// use it. Growing waits for the stream.
    void* Reserve(CudaBackend& backend, int64_t bytes) {
      if (buffers_.empty() || buffers_.back().bytes() < bytes) {
        const int64_t grown = buffers_.empty() ? 0 : 2 * buffers_.back().bytes();
        buffers_.push_back(backend.Allocate(std::max(bytes, grown)));
      }
      return buffers_.back().as<void>();
    }

   private:
    std::vector<Buffer> buffers_;
  };

  /// Packed weights in the order in which they were placed, which is the order of their use.
  class PlacedWeights {
   public:
    void Add(const uint8_t* packed, int64_t bytes) {
      next_.erase(packed);  // of a weight that was there before
      if (last_ != nullptr) next_[last_] = {packed, std::min(bytes, kMostBytes)};
      last_ = packed;
    }
    /// Nothing placed so far is followed by what comes now.
    void Break() { last_ = nullptr; }
    /// What the kernel after this weight's should find in the L2 cache.
    L2Prefetch After(const uint8_t* packed) const {
      const auto found = next_.find(packed);
      return found == next_.end() ? L2Prefetch{} : found->second;
    }

   private:
    /// As much as memory delivers in the pause between two products, about 3 us.
    static constexpr int64_t kMostBytes = int64_t{8} << 20;
    std::unordered_map<const uint8_t*, L2Prefetch> next_;
    const uint8_t* last_ = nullptr;
  };

  /// BF16 rows begin at multiples of 16 bytes, weights' and activations' alike.
  static constexpr int64_t StrideOf(int64_t cols) { return (cols + 7) / 8 * 8; }
  static LinearInput InputOf(const uint16_t* data, const Activations& x) {
    return {.data = data, .tokens = x.rows, .cols = x.cols, .stride = StrideOf(x.cols)};
  }

  /// Write() for what a file holds, at the speed of the bus.
  void Load(const void* host, int64_t bytes, void* out);
  /// With rows StrideOf(cols) apart.
  Bf16Matrix PlaceBf16(const Bf16Matrix& weight, std::vector<Buffer>& memory);
  /// A weight as files hold it, at `memory` of UnpackedBytes().
  DeviceNvfp4 WriteUnpacked(const Nvfp4Matrix& weight, uint8_t* memory);
  void PlaceAsOne(std::span<Weight> weights, std::vector<Buffer>& memory);
  void PlaceInterleaved(Weight& gate, Weight& up, std::vector<Buffer>& memory);

  /// Fills input.quantized with BF16 numbers of x's shape: those that its NVFP4 codes state.
  void QuantizeInput(const GroupInput& input, float input_scale);
  void ProjectHeads(const QueryKeyValueStep& step);
  void AttendFewRows(const AttentionDesc& shape, size_t layer);
  void MultiplyBf16(const Bf16Matrix& weight, const uint16_t* x, Matrix out);
  /// alpha = what the products are multiplied by, beside the packed form's own 2^7.
  void MultiplyNvfp4(const Nvfp4Matrix& weight, const uint16_t* x, float alpha, Matrix out);
  void Multiply(LinearNvfp4Desc& desc);
  /// Host integers on the device, in indices_.
  const int32_t* Upload(std::span<const int32_t> values);
  /// What kernels of the step are sized for: its depth, rounded up so that it changes rarely.
  int64_t DepthBucket() const;

  int device_;
  cudaStream_t stream_ = nullptr;
  std::optional<Staging> staging_;  // from the first weight on
  StepTable step_;
  PlacedWeights placed_;
  Scratch inputs_;
  Scratch indices_;
  Scratch attention_scratch_;
  Scratch ranking_;
  Scratch unpacked_;  // weights as files hold them, while they are packed
  CpuBackend host_;   // quantizes weights
};

}  // namespace facet::cuda
