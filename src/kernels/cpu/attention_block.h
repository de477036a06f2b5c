// The pieces that softmax attention is cut into: attention.cc makes them, attention_segment-inl.h
// computes them.
#pragma once

#include <cstdint>

namespace facet {

inline constexpr int64_t kAttentionSegment = 512;  ///< positions
inline constexpr int64_t kAttentionQueries = 32;   ///< of a block
inline constexpr float kMaskedScore = -1e30f;      ///< below any score; its exponential is zero

struct PositionRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool empty() const { return begin >= end; }
};

/// One query row and head, and where its result goes.
struct AttentionQuery {
  const float* data = nullptr;  // [head_dim]
  float* out = nullptr;         // [head_dim]
  PositionRange sees;           // positions
};

/// Up to kAttentionQueries queries of one sequence and key/value head.
struct AttentionBlock {
  AttentionQuery queries[kAttentionQueries];
  int64_t count = 0;
  int64_t head_dim = 0;
  const float* keys = nullptr;  // of this head: position p at (p % capacity) * stride
  const float* values = nullptr;
  int64_t capacity = 0;
  int64_t stride = 0;
  PositionRange sees;  // what any of them sees

  int64_t segments() const {
    return sees.empty() ? 0
                        : (sees.end - 1) / kAttentionSegment - sees.begin / kAttentionSegment + 1;
  }
};

/// What the positions so far gave, per query: largest score, sum of exponentials, and their sum of
/// values.
struct AttentionPartial {
  float* values = nullptr;   // [kAttentionQueries, head_dim]
  float* largest = nullptr;  // [kAttentionQueries], kMaskedScore: no position yet
  float* sums = nullptr;     // [kAttentionQueries]

  static int64_t Floats(int64_t head_dim) { return kAttentionQueries * (head_dim + 2); }
  static AttentionPartial At(float* memory, int64_t head_dim) {
    float* largest = memory + kAttentionQueries * head_dim;
    return {memory, largest, largest + kAttentionQueries};
  }
};

}  // namespace facet
