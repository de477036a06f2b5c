// How fast a loaded model is: prompts of several lengths, decoding at several depths and batch
// sizes, and the time to the first token.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "model/model.h"
#include "speed/cost.h"

namespace facet {

enum class SpeedKind {
  kPrefill,     ///< a prompt of `tokens` in chunks, to the last token's logits
  kDecode,      ///< `tokens` steps of `batch` sequences that hold `depth` tokens before, each to
                ///< the largest logit of every sequence
  kFirstToken,  ///< the engine's answer to a prompt of `tokens`, to its first token, greedy
};

struct SpeedCase {
  SpeedKind kind = SpeedKind::kPrefill;
  int64_t tokens = 0;
  int64_t depth = 0;
  int64_t batch = 1;
};

struct SpeedOptions {
  std::vector<int64_t> prompts = {512, 2048, 16384};
  std::vector<int64_t> depths = {0, 4096, 32768, 131072};
  std::vector<int64_t> batches = {1, 4, 16, 64};
  int64_t decode_tokens = 128;
  int64_t first_token_prompt = 512;  ///< 0: no such case
  int64_t repetitions = 5;
  int64_t chunk = 512;  ///< prefill tokens in one step
  int64_t context = 0;  ///< positions that a sequence may have
  /// Bytes that caches and buffers of one case may take.
  int64_t memory = std::numeric_limits<int64_t>::max();
};

/// Every case of `options`, prefill first, then decode by depth and batch, then the first token.
std::vector<SpeedCase> CasesOf(const SpeedOptions& options);

struct SpeedResult {
  SpeedCase what;
  std::string left_out;         ///< why it was not measured; empty if it was
  std::vector<double> seconds;  ///< of every repetition, ascending; empty if left out
  Cost cost;                    ///< of one repetition
  double median() const { return seconds[seconds.size() / 2]; }
};

/// Measures case after case, each warmed up and then repeated; calls `on_result` after each.
/// Decoding starts from a cache filled with random numbers: what is in it does not change the time.
/// Token ids are random, the same in every run. A case that fits neither context nor memory is left
/// out, and so is everything after `cancelled` was set; errors of the model itself are errors.
Result<void> MeasureSpeed(const Model& model, ActivationMode mode, const WeightCost& weights,
                          const SpeedOptions& options,
                          const std::function<void(const SpeedResult&)>& on_result,
                          const ProgressFn& progress, const std::atomic<bool>& cancelled);

}  // namespace facet
