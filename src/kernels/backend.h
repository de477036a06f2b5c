// The mathematical operations of the model, once per backend: ref/ is the executable specification,
// cpu/ the fast one for processors, cuda/ the one for NVIDIA cards.
//
// Conventions. Matrices are float32, row-major, one token a row. Matrices, activations, weights and
// caches are in the backend's memory; spans are in the host's, and may be reused when the call
// returns. Operations run in the order of their calls. No operation allocates activation memory,
// and none may be called from two threads at once. Input and output must not overlap unless a
// comment says so. Tolerances against ref are in tests/backend/tolerances.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/step.h"
#include "tensor/buffer.h"
#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/nvfp4.h"

namespace facet {

/// A value of a row, and its column.
struct RankedValue {
  int32_t column = 0;
  float value = 0;
};

/// What a backend remembers of steps that ran in certain buffers, to run them again faster. Owned
/// by the owner of the buffers.
class StepRecordings {
 public:
  virtual ~StepRecordings() = default;
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// "ref", "cpu" or "cuda".
  virtual std::string_view name() const = 0;

  // Memory.

  /// Zeroed memory that this backend's operations can read and write. Throws std::bad_alloc.
  virtual Buffer Allocate(int64_t bytes) = 0;

  /// Bytes that Allocate() and Place() can still give, less what operations take for themselves. On
  /// hosts pages of files count: they can be read again.
  virtual int64_t AvailableMemory() = 0;

  /// Copies `bytes` from the host's memory into the backend's.
  virtual void Write(const void* host, int64_t bytes, void* out) = 0;

  /// The same from the backend's memory; the two must not overlap.
  virtual void Copy(const void* from, int64_t bytes, void* out) = 0;

  /// The rows of a matrix for the host to read: `matrix` itself where the backend's memory is the
  /// host's, otherwise a copy in `storage`, which grows as needed. Waits for the operations before.
  virtual ConstMatrix Read(ConstMatrix matrix, Buffer& storage) = 0;
  /// The same for activations, as float32.
  virtual ConstMatrix ReadActivations(const Activations& activations, Buffer& storage) = 0;

  /// A weight from the host's memory as this backend's operations want it, in a layout that only
  /// they know. Either borrows from the host's, which must stay, or adds what it made to `memory`.
  virtual Weight Place(const Weight& weight, std::vector<Buffer>& memory) = 0;

  /// The same for weights that one operation multiplies by the same input, in the order that its
  /// step names them. Only that operation may use them: they may have become one.
  virtual void PlaceGroup(LinearGroup group, std::span<Weight> weights,
                          std::vector<Buffer>& memory) = 0;

  /// The same for a vector or table of BF16 numbers.
  virtual const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) = 0;

  /// Bytes that Place() takes for a weight of this shape, whose pointers may be null; 0 where it
  /// borrows.
  virtual int64_t PlacedBytes(const Weight& weight) const = 0;

  /// Element type of cached keys and values: kF32 or kBF16.
  virtual DType cache_dtype() const = 0;

  /// Bytes of activations [rows, cols].
  virtual int64_t ActivationBytes(int64_t rows, int64_t cols) const = 0;

  /// Tokens of a step that keep this backend's matrix products busy: what a long prompt is cut
  /// into.
  virtual int64_t full_step_tokens() const = 0;

  // The layers of a step. kernels/step.h says what each computes.

  /// Takes the step that the operations below work on, until the next call.
  virtual void BeginStep(const StepPlan& plan) = 0;

  /// Recordings for steps whose buffers have one owner; null where the backend makes none.
  virtual std::unique_ptr<StepRecordings> MakeRecordings() = 0;

  /// Runs `operations` on the step begun last. With recordings, a backend may replay what an
  /// earlier call did for a plan of the same numbers of rows and the same `variant` instead: then
  /// they may call the operations from here to GateUp() and RmsNorm() alone, and what they do must
  /// depend on the plan, the variant and the recordings' owner alone.
  virtual void RunStep(StepRecordings* recordings, uint64_t variant,
                       const std::function<void()>& operations) = 0;

  /// out[t] = scale * table[token t]. table BF16 [vocabulary, hidden], placed as a weight.
  virtual void Embed(const Bf16Matrix& table, float scale, Matrix out) = 0;

  /// Angles of the step's positions for a kind of layer, computed in double: position * frequency.
  virtual void Angles(size_t kind, const RopeAngles& out) = 0;

  /// out = rms_norm(x) * weight, as RmsNorm().
  virtual void InputNorm(ConstMatrix x, const uint16_t* weight, double eps, Activations out) = 0;
  virtual void ResidualNorm(const ResidualNormStep& step) = 0;
  virtual void QueryKeyValue(const QueryKeyValueStep& step) = 0;
  virtual void Attend(const AttentionStep& step) = 0;
  virtual void Project(const Weight& weight, const GroupInput& input, Matrix out) = 0;
  virtual void GateUp(const GateUpStep& step) = 0;

  // Operations on float32 rows: media embedders, the last norm, logits.

  /// out = x / sqrt(mean(x^2) + eps) * weight, row by row. weight BF16 [cols], as stored (not 1 +
  /// w), or null for none. x [rows, cols]; out may be x.
  virtual void RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) = 0;

  /// out = (x - mean) / sqrt(variance + eps) * weight + bias, row by row, biased variance. weight,
  /// bias BF16 [cols]; out may be x.
  virtual void LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                         Matrix out) = 0;

  /// out = x W^T with float32 activations (W4A16 for an NVFP4 weight). x [tokens, cols of W],
  /// out [tokens, rows of W].
  virtual void Linear(const Weight& weight, ConstMatrix x, Matrix out) = 0;

  /// x += bias in every row. bias BF16 [cols].
  virtual void AddBias(const uint16_t* bias, Matrix x) = 0;

  /// x[t] += table[positions[2 t], 0] + table[positions[2 t + 1], 1]. table BF16 [limit, 2, cols];
  /// positions [tokens, 2] below limit.
  virtual void AddPositions(const uint16_t* table, std::span<const int32_t> positions,
                            Matrix x) = 0;

  /// x = cap * tanh(x / cap).
  virtual void SoftCap(float cap, Matrix x) = 0;

  /// The k largest values of every row, to the host's memory: out [rows, k]. NaN comes first, the
  /// lower column first among equals. 1 <= k <= cols. False, and nothing is written, where a
  /// backend has no short way for this k. Waits for the operations before.
  virtual bool TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) = 0;

  // Weights in the host's memory.

  /// The largest |value| of a matrix; infinity or NaN if it holds one.
  virtual float AbsMax(const Bf16Matrix& weight) = 0;

  /// Quantizes a weight (tensor/nvfp4.h, QuantizeWeightBlock), the same bytes on every backend.
  /// codes [rows, cols / 2], block_scales [rows, cols / 16].
  virtual void QuantizeWeight(const Bf16Matrix& weight, float global_scale, ModeloptCompat compat,
                              uint8_t* codes, uint8_t* block_scales) = 0;
};

}  // namespace facet
