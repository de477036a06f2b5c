// The executable specification: every operation in plain loops, accumulated in double, one thread.
// Each method is in the file of its name.
#pragma once

#include "kernels/host_backend.h"

namespace facet {

class RefBackend final : public HostBackend {
 public:
  std::string_view name() const override { return "ref"; }

  void EmbedRows(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
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
  float AbsMax(const Bf16Matrix& weight) override;
  void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                      uint8_t* codes, uint8_t* block_scales) override;
};

}  // namespace facet
