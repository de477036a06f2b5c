// The mathematical operations of the model, once per backend. A folder beside this file implements
// them, one operation per file of the same name: ref/ is the executable specification, cpu/ the
// fast one.
//
// Conventions. Activations are float32, row-major, one token a row. Matrices, weights, caches and
// visible ends are in the backend's memory; spans are in the host's, and may be reused when the
// call returns. Operations run in the order of their calls. No operation allocates activation
// memory, and none may be called from two threads at once. Input and output must not overlap unless
// a comment says so. Tolerances against ref are in tests/backend/tolerances.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/nvfp4.h"

namespace facet {

/// Cosines and sines of every (token, pair): float32 [tokens, head_dim / 2] each, computed in
/// double by the model once a step, so that every backend turns by the same angles.
struct RopeAngles {
  ConstMatrix cosines;
  ConstMatrix sines;
};

/// One sequence's part of an attention call.
struct AttentionSequence {
  int64_t first_row = 0;       ///< its first row in query and out
  int64_t rows = 0;            ///< its query rows, consecutive positions
  int64_t first_position = 0;  ///< position of its first query row
  /// Cached rows, its own new ones included: cache_dtype() [capacity, kv_heads, head_dim]; position
  /// p is in row p % capacity, and every position that a query sees is still there.
  const void* keys = nullptr;
  const void* values = nullptr;
  int64_t capacity = 0;
  /// [rows]: one past the last position that the query row sees. position + 1 is causal; inside an
  /// image on a sliding layer it is the image's end.
  const int64_t* visible_end = nullptr;
};

struct AttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  ///< query head h reads key/value head h / (heads / kv_heads)
  int64_t head_dim = 0;
  int64_t window = 0;  ///< a query at p sees no position before p - window + 1; 0: no limit
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// "ref", "cpu" or "cuda".
  virtual std::string_view name() const = 0;

  /// Zeroed memory that this backend's operations can read and write. Throws std::bad_alloc.
  virtual Buffer Allocate(int64_t bytes) = 0;

  /// Copies `bytes` from the host's memory into the backend's.
  virtual void Write(const void* host, int64_t bytes, void* out) = 0;

  /// The rows of a matrix for the host to read: `matrix` itself where the backend's memory is the
  /// host's, otherwise a copy in `storage`, which grows as needed. Waits for the operations before.
  virtual ConstMatrix Read(ConstMatrix matrix, Buffer& storage) = 0;

  /// A weight from the host's memory as this backend's operations want it, in a layout that only
  /// they know. Either borrows from the host's, which must stay, or adds what it made to `memory`.
  virtual Weight Place(const Weight& weight, std::vector<Buffer>& memory) = 0;

  /// The same for a vector or table of BF16 numbers.
  virtual const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) = 0;

  /// Element type of cached keys and values: kF32 or kBF16.
  virtual DType cache_dtype() const = 0;

  /// out[t] = scale * table[ids[t]]. table BF16 [vocabulary, hidden], placed as a weight; ids in
  /// range; out [tokens, hidden].
  virtual void Embed(const Bf16Matrix& table, std::span<const int32_t> ids, float scale,
                     Matrix out) = 0;

  /// out = x / sqrt(mean(x^2) + eps) * weight, row by row. weight BF16 [cols], as stored (not 1 +
  /// w), or null for none. x [rows, cols]; out may be x.
  virtual void RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) = 0;

  /// out = (x - mean) / sqrt(variance + eps) * weight + bias, row by row, biased variance. weight,
  /// bias BF16 [cols]; out may be x.
  virtual void LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                         Matrix out) = 0;

  /// Turns every head of x [tokens, heads * head_dim] in place: with half = head_dim / 2,
  /// x[i], x[i + half] = x[i] c_i - x[i + half] s_i, x[i + half] c_i + x[i] s_i. Angles' width is
  /// half.
  virtual void Rope(Matrix x, const RopeAngles& angles) = 0;

  /// out = x W^T with float32 activations (W4A16 for an NVFP4 weight). x [tokens, cols of W],
  /// out [tokens, rows of W].
  virtual void Linear(const Weight& weight, ConstMatrix x, Matrix out) = 0;

  /// Quantizes activations to NVFP4 with a static input scale (tensor/nvfp4.h,
  /// QuantizeActivationBlock). codes [tokens, cols / 2], block_scales [tokens, cols / 16]; cols a
  /// multiple of 16.
  virtual void QuantizeActivations(ConstMatrix x, float input_scale, uint8_t* codes,
                                   uint8_t* block_scales) = 0;

  /// out = alpha * sum over blocks of sA sW (sum of 16 code products), alpha = f32(x.global_scale *
  /// weight.global_scale): the W4A4 product. x holds QuantizeActivations' output, its global_scale
  /// the input scale. Block sums are exact integers. x [tokens, cols], out [tokens, rows of W].
  virtual void LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) = 0;

  /// Copies rows [tokens, kv_heads * head_dim] into a cache ring from `first_position` on, rounded
  /// to cache_dtype().
  virtual void AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                           void* cache) = 0;

  /// Softmax attention, scale 1.0, no soft cap: for every query row and head, over the positions
  /// [max(0, p - window + 1), visible_end). query, out [tokens, heads * head_dim].
  virtual void Attention(const AttentionShape& shape, std::span<const AttentionSequence> sequences,
                         ConstMatrix query, Matrix out) = 0;

  /// out = gelu_tanh(gate) * up; gelu_tanh(z) = z / 2 (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))).
  /// All [tokens, intermediate]; out may be gate or up.
  virtual void GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) = 0;

  /// residual = (residual + x) * scale.
  virtual void Residual(ConstMatrix x, float scale, Matrix residual) = 0;

  /// x += bias in every row. bias BF16 [cols].
  virtual void AddBias(const uint16_t* bias, Matrix x) = 0;

  /// x[t] += table[positions[2 t], 0] + table[positions[2 t + 1], 1]. table BF16 [limit, 2, cols];
  /// positions [tokens, 2] below limit.
  virtual void AddPositions(const uint16_t* table, std::span<const int32_t> positions,
                            Matrix x) = 0;

  /// x = cap * tanh(x / cap).
  virtual void SoftCap(float cap, Matrix x) = 0;

  /// The largest |value| of a matrix in the host's memory; infinity or NaN if it holds one.
  virtual float AbsMax(const Bf16Matrix& weight) = 0;

  /// Quantizes a weight (tensor/nvfp4.h, QuantizeWeightBlock), the same bytes on every backend,
  /// from and to the host's memory. codes [rows, cols / 2], block_scales [rows, cols / 16].
  virtual void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                              uint8_t* codes, uint8_t* block_scales) = 0;
};

}  // namespace facet
