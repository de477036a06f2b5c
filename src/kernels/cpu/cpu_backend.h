// The fast backend for x86 processors: AVX2 or AVX-512, chosen at run time, on a fixed number of
// threads. Each method is in the file of its name, as in ref/.
//
// A row of a result depends on its own inputs alone: not on the number of threads, not on the other
// rows of the call. docs/numerics.md states the order of additions.
#pragma once

#include "base/thread_pool.h"
#include "kernels/host_backend.h"

namespace facet {

class CpuBackend final : public HostBackend {
 public:
  /// `threads` >= 1, the caller included.
  explicit CpuBackend(int threads) : pool_(threads) {}

  std::string_view name() const override { return "cpu"; }

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

 private:
  void LinearBf16(const Bf16Matrix& weight, ConstMatrix x, Matrix out);
  void LinearNvfp4(const Nvfp4Matrix& weight, ConstMatrix x, Matrix out);

  /// At least `bytes` of page-aligned memory that lives until the next call; it only grows.
  void* Scratch(int64_t bytes) {
    if (scratch_.bytes() < bytes) scratch_ = Buffer::Host(bytes);
    return scratch_.as<void>();
  }

  /// body(first row, one past the last) over [0, rows), in pieces of about 16,384 values of `cols`
  /// a row.
  template <typename Body>
  void ParallelRows(int64_t rows, int64_t cols, const Body& body) {
    constexpr int64_t kValues =
        16384;  // some microseconds of work, well above the cost of a hand-over
    const int64_t grain = cols >= kValues ? 1 : kValues / (cols > 0 ? cols : 1);
    pool_.ParallelFor(rows, grain, [&](int64_t begin, int64_t end, int) { body(begin, end); });
  }

  ThreadPool pool_;
  Buffer scratch_;
};

}  // namespace facet
