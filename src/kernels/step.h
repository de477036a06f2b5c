// What the operations of a forward step pass to each other: the step itself, its activations, and
// the arguments of the operations that backends may fuse.
//
// Matrices are float32 in the backend's memory. Shapes name a step's tokens first.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "tensor/matrix.h"
#include "tensor/nvfp4.h"

namespace facet {

/// Linears that read the same input and therefore share its statistics and scales.
enum class LinearGroup { kQueryKeyValue, kOutput, kGateUp, kDown };

/// What linears and attention read: [rows, cols] in the backend's memory, of the element type and
/// the distance between rows that the backend likes: float32 without gaps on hosts, BF16 on cuda.
/// Backend::ActivationBytes() gives the size.
struct Activations {
  void* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
};

/// Activations, and how linears take them.
struct GroupInput {
  Activations x;
  /// Null: as they are. Otherwise memory of x's size where they are quantized to NVFP4 for weights
  /// that state an input scale: the W4A4 product.
  void* quantized = nullptr;
};

/// Cosines and sines of every (token, pair): [tokens, head_dim / 2] each.
struct RopeAngles {
  Matrix cosines;
  Matrix sines;
};

struct AttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  ///< query head h reads key/value head h / (heads / kv_heads)
  int64_t head_dim = 0;
  int64_t window = 0;  ///< a query at p sees no position before p - window + 1; 0: no limit
};

/// The tokens of one sequence in a step.
struct StepSequence {
  int64_t rows = 0;            ///< consecutive positions
  int64_t first_position = 0;  ///< position of its first token
};

/// One sequence's keys and values in one layer: cache_dtype() [capacity, kv_heads, head_dim] each;
/// position p is in row p % capacity. Whatever a token of the step sees is still there.
struct CacheRing {
  void* keys = nullptr;
  void* values = nullptr;
  int64_t capacity = 0;
};

/// A step: which tokens, where they stand, and where their keys and values go. Spans are in the
/// host's memory.
struct StepPlan {
  std::span<const int32_t> tokens;          ///< ids in range, sequence after sequence
  std::span<const StepSequence> sequences;  ///< together all tokens
  std::span<const CacheRing> rings;         ///< [layers, sequences]
  /// [tokens]: one past the last position that a token sees where images are seen whole, no less
  /// than its own position + 1. Empty: causal.
  std::span<const int64_t> visible_end;
  /// Angle per position of every rope pair, of each kind of layer.
  std::array<std::span<const double>, 2> frequencies;
};

/// residual = (residual + rms_norm(x) * weight) * scale, then next = rms_norm(residual) *
/// next_weight.
struct ResidualNormStep {
  Matrix x;  ///< [tokens, hidden]; may be overwritten
  const uint16_t* weight = nullptr;
  float scale = 1;
  Matrix residual;
  const uint16_t* next_weight = nullptr;  ///< null: `next` is not wanted
  Activations next;
  double eps = 0;
};

/// Queries, keys and values of a layer: projected, every head normed, queries and keys turned, keys
/// and values appended to the layer's rings.
struct QueryKeyValueStep {
  size_t layer = 0;
  AttentionShape shape;
  const Weight* query_weight = nullptr;
  const Weight* key_weight = nullptr;
  const Weight* value_weight = nullptr;  ///< null: values are the raw key projection
  const uint16_t* query_norm = nullptr;  ///< BF16 [head_dim]
  const uint16_t* key_norm = nullptr;
  double eps = 0;
  RopeAngles angles;
  GroupInput input;
  Matrix query, key, value;  ///< room for the projections
  Activations out;           ///< the queries, [tokens, heads * head_dim]
};

/// Softmax attention, scale 1.0, no soft cap: for every query row and head, over the positions
/// [max(0, p - window + 1), end) of the layer's rings.
struct AttentionStep {
  size_t layer = 0;
  AttentionShape shape;
  bool sees_images_whole = false;  ///< end is the plan's visible_end, otherwise p + 1
  Activations query;               ///< [tokens, heads * head_dim]
  Activations out;                 ///< the same shape
};

/// out = gelu_tanh(gate x) * (up x); gelu_tanh(z) = z / 2 (1 + tanh(sqrt(2 / pi) (z + 0.044715
/// z^3))).
struct GateUpStep {
  const Weight* gate_weight = nullptr;
  const Weight* up_weight = nullptr;
  GroupInput input;
  Matrix gate, up;  ///< room for the projections
  Activations out;  ///< [tokens, intermediate]
};

}  // namespace facet
