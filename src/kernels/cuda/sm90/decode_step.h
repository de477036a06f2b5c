// One decode step of the whole network in one launch: every sequence's next token through all
// layers and the head, at the speed at which the card reads the weights.
//
// A persistent kernel, one block a multiprocessor. Each warp owns a ring of shared memory and fills
// it with its part of all weights and of the cache, in the order it will use them, however far the
// grid has come: what is read does not depend on what is computed, so the memory stays busy while
// the blocks wait for one another between the phases of a layer.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace facet::cuda {

/// Most sequences of a step.
inline constexpr int64_t kMaxDecodeTokens = 8;

/// The shape that all layers of a kind share.
struct DecodeKind {
  int64_t heads = 0;
  int64_t kv_heads = 0;   ///< heads / kv_heads at most 16
  int64_t head_dim = 0;   ///< 64, 128, 256 or 512
  int64_t window = 0;     ///< 0: no limit
  int64_t capacity = 0;   ///< rows of a cache ring; at least min(window, longest context)
  bool has_value = true;  ///< false: values are the raw key projection
  /// Rotation per position of pair i, float64 [head_dim / 2], device memory.
  const double* frequencies = nullptr;
};

/// A layer, all pointers to device memory. Weights are packed (pack_format.h); alphas are
/// kPackUnit x global scale.
struct DecodeLayer {
  const uint8_t* query_key_value =
      nullptr;                           ///< PackNvfp4 of q, k and (has_value) v, one after another
  const uint8_t* output = nullptr;       ///< PackNvfp4 [hidden, heads * head_dim]
  const uint8_t* gate_up = nullptr;      ///< PackGateUp
  const uint8_t* down = nullptr;         ///< PackNvfp4 [hidden, intermediate]
  const uint16_t* input_norm = nullptr;  ///< BF16 [hidden], as the three below
  const uint16_t* post_attention_norm = nullptr;
  const uint16_t* pre_mlp_norm = nullptr;
  const uint16_t* post_mlp_norm = nullptr;
  const uint16_t* query_norm = nullptr;  ///< BF16 [head_dim]
  const uint16_t* key_norm = nullptr;
  /// Cache of slot 0, BF16 [capacity][kv_heads][head_dim], 16-byte aligned: keys after norm and
  /// rope, values after their norm; position p is in row p % capacity.
  uint16_t* keys = nullptr;
  uint16_t* values = nullptr;
  int64_t slot_stride = 0;  ///< elements from a slot's keys (values) to the next slot's
  float query_alpha = 0;
  float key_alpha = 0;
  float value_alpha = 0;
  float output_alpha = 0;
  float gate_alpha = 0;
  float up_alpha = 0;
  float down_alpha = 0;
  float scalar = 1;  ///< layer_scalar
  int32_t kind = 0;  ///< index into DecodeModel::kinds
};

struct DecodeModel {
  int64_t hidden = 0;        ///< a multiple of 64, at most 4096; so are the inputs of all linears
  int64_t intermediate = 0;  ///< a multiple of 64
  int64_t vocabulary = 0;    ///< a multiple of 16
  int64_t layer_count = 0;
  const DecodeLayer* layers = nullptr;  ///< device memory
  DecodeKind kinds[2];                  ///< sliding, full: head_dim (64, 128) or (256, 512)
  double eps = 0;
  const uint16_t* final_norm = nullptr;  ///< BF16 [hidden]
  /// The embedding, BF16 [vocabulary, hidden] row-major, times embedding_scale.
  const uint16_t* embedding = nullptr;
  float embedding_scale = 1;
  const uint8_t* head = nullptr;  ///< PackHead() of the head's rows
  float logit_softcap = 0;        ///< 0: none
};

/// One step. Arrays are device memory, read when the kernels run, so that a captured graph can be
/// replayed with new contents.
struct DecodeStepDesc {
  DecodeModel model;
  int64_t tokens = 0;                  ///< sequences, 1 to DecodeMaxTokens()
  const int32_t* ids = nullptr;        ///< [tokens], in range
  const int32_t* positions = nullptr;  ///< [tokens]: tokens already in the sequence's cache
  const int32_t* slots = nullptr;      ///< [tokens]: the sequence's cache slot, all different
  float* hidden = nullptr;             ///< [tokens, hidden]: after the final norm; may be null
  float* logits = nullptr;             ///< [tokens, vocabulary], soft-capped
  void* scratch = nullptr;             ///< DecodeScratchBytes(), 256-byte aligned, zeroed once
  int multiprocessors = 0;             ///< of the device; blocks launched
};

/// Whether the kernel takes this model.
bool DecodeStepFits(const DecodeModel& model);

/// Most sequences of a step of this model, up to kMaxDecodeTokens: the widest input of a linear, of
/// all of them (rounded up to a power of two), must leave room for the rings in shared memory.
int64_t DecodeMaxTokens(const DecodeModel& model);

int64_t DecodeScratchBytes(const DecodeModel& model);

/// Two launches on `stream`, the second cooperative. Same inputs give the same bits.
cudaError_t DecodeStep(const DecodeStepDesc& desc, cudaStream_t stream);

/// A BF16 matrix [rows, cols] in the order in which decoding reads it: row tiles of 16, column
/// tiles of 64, each 2,048 bytes; 16-byte piece 32 j + l of a tile is lane l's A fragment
/// (mma.m16n8k16) of columns 16 j .. 16 j + 15. rows multiple of 16, cols of 64; device memory;
/// `out` may be `in`'s own memory.
cudaError_t PackHead(const uint16_t* in, int64_t rows, int64_t cols, uint8_t* out,
                     cudaStream_t stream);

}  // namespace facet::cuda
