// The network's weights as the forward pass uses them: names resolved, shapes checked, placed where
// the backend wants them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/backend.h"
#include "tensor/nvfp4.h"

namespace facet {

/// Pointers are BF16 vectors as Backend::Place() gives them, of the length in the comment.
struct LayerWeights {
  const uint16_t* input_norm = nullptr;           ///< [hidden]
  const uint16_t* post_attention_norm = nullptr;  ///< [hidden]
  const uint16_t* pre_mlp_norm = nullptr;         ///< [hidden]
  const uint16_t* post_mlp_norm = nullptr;        ///< [hidden]
  const uint16_t* query_norm = nullptr;           ///< [head_dim]
  const uint16_t* key_norm = nullptr;             ///< [head_dim]
  Weight query;                                   ///< [heads * head_dim, hidden]
  Weight key;                                     ///< [kv_heads * head_dim, hidden]
  std::optional<Weight> value;                    ///< as key; absent where values are the raw keys
  Weight output;                                  ///< [hidden, heads * head_dim]
  Weight gate, up;                                ///< [intermediate, hidden]
  Weight down;                                    ///< [hidden, intermediate]
  float scalar = 1;                               ///< multiplies the layer's whole output
};

struct VisionWeights {
  const uint16_t* norm1 = nullptr;               ///< [patch]
  const uint16_t* norm1_bias = nullptr;          ///< [patch]
  Weight dense;                                  ///< [hidden, patch]
  const uint16_t* dense_bias = nullptr;          ///< [hidden]
  const uint16_t* norm2 = nullptr;               ///< [hidden]
  const uint16_t* norm2_bias = nullptr;          ///< [hidden]
  const uint16_t* positions = nullptr;           ///< [limit, 2, hidden]
  const uint16_t* position_norm = nullptr;       ///< [hidden]
  const uint16_t* position_norm_bias = nullptr;  ///< [hidden]
  Weight projection;                             ///< [hidden, hidden]
};

struct ModelWeights {
  Bf16Matrix embedding;                  ///< [vocabulary, hidden]; the output layer too
  const uint16_t* final_norm = nullptr;  ///< [hidden]
  std::vector<LayerWeights> layers;
  std::optional<VisionWeights> vision;
  std::optional<Weight> audio_projection;  ///< [hidden, samples_per_token]

  std::vector<Buffer> memory;  ///< what the backend made for itself

  /// Finds every tensor of the configuration and places it. kInvalidData names the first one that
  /// is missing or has another shape. Checkpoint and backend must outlive the weights.
  static Result<ModelWeights> Load(const Checkpoint& checkpoint, Backend& backend);
};

}  // namespace facet
