// The backend for NVIDIA cards. Each method is in the file of its name, as in ref/.
//
// Linear layers take their inputs rounded to BF16 and add in float32; weights are exact. Caches are
// BF16. Everything else is float32. One stream: operations run in the order of their calls.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/backend.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/attention.h"

namespace facet::cuda {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int device);
  ~CudaBackend() override;

  std::string_view name() const override { return "cuda"; }
  Buffer Allocate(int64_t bytes) override;
  void Write(const void* host, int64_t bytes, void* out) override;
  ConstMatrix Read(ConstMatrix matrix, Buffer& storage) override;
  Weight Place(const Weight& weight, std::vector<Buffer>& memory) override;
  const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) override;
  DType cache_dtype() const override { return DType::kBF16; }

  void Embed(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
             Matrix out) override;
  void RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) override;
  void LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                 Matrix out) override;
  void Rope(Matrix x, const RopeAngles& angles) override;
  void Linear(const Weight& weight, ConstMatrix x, Matrix out) override;
  void QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                           uint8_t* block_scales) override;
  void LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) override;
  void AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                   void* cache) override;
  void Attention(const AttentionShape& shape, std::span<const AttentionSequence> sequences,
                 ConstMatrix query, Matrix out) override;
  void GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) override;
  void Residual(ConstMatrix x, float scale, Matrix residual) override;
  void AddBias(const uint16_t* bias, Matrix x) override;
  void AddPositions(const uint16_t* table, std::span<const int32_t> positions, Matrix x) override;
  void SoftCap(float cap, Matrix x) override;
  float AbsMax(const Bf16Matrix& weight) override { return host_.AbsMax(weight); }
  void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                      uint8_t* codes, uint8_t* block_scales) override {
    host_.QuantizeWeight(weight, global_scale, compat, codes, block_scales);
  }

 private:
  /// Device memory that an operation needs for itself; it only grows.
  class Scratch {
   public:
    /// At least `bytes`, valid until the next call. Growing waits for the stream.
    void* Reserve(CudaBackend& backend, int64_t bytes) {
      if (buffer_.bytes() < bytes) buffer_ = backend.Allocate(bytes);
      return buffer_.as<void>();
    }

   private:
    Buffer buffer_;
  };

  /// BF16 rows begin at multiples of 16 bytes, weights' and activations' alike.
  static constexpr int64_t StrideOf(int64_t cols) { return (cols + 7) / 8 * 8; }

  /// With rows StrideOf(cols) apart.
  Bf16Matrix PlaceBf16(const Bf16Matrix& weight, std::vector<Buffer>& memory);

  /// x rounded to BF16, rows StrideOf(cols) apart, in inputs_.
  uint16_t* RoundInputs(ConstMatrix x);
  void MultiplyBf16(const Bf16Matrix& weight, const uint16_t* x, Matrix out);
  /// alpha = what the products are multiplied by, beside the packed form's own 2^7.
  void MultiplyNvfp4(const Nvfp4Matrix& weight, const uint16_t* x, float alpha, Matrix out);
  /// Host integers on the device, in indices_.
  const int32_t* Upload(std::span<const int32_t> values);

  int device_;
  cudaStream_t stream_ = nullptr;
  Scratch inputs_;
  Scratch indices_;
  Scratch unpacked_;  // a weight as files hold it, while it is packed
  CpuBackend host_;   // quantizes weights
};

}  // namespace facet::cuda
