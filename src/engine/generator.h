// One request at a time: prefill, then token by token until something ends the answer. Owns the
// cache and the buffers; borrows the model.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sampler.h"
#include "model/model.h"
#include "prompt/prompt.h"

namespace facet {

/// How a request wants its answer.
struct GenerationParams {
  SamplingParams sampling;
  int64_t max_tokens = 0;                ///< at least 1; the stop token counts
  std::vector<int32_t> stop_tokens;      ///< any of them ends the answer
  std::vector<int32_t> suppress_tokens;  ///< never generated, greedy included
  /// Set: score every token, with this many of the likeliest beside it.
  std::optional<int64_t> top_logprobs;
};

/// The publisher's defaults: sampling, stop tokens and suppressed tokens.
GenerationParams GenerationDefaults(const GenerationConfig& config);

enum class FinishReason {
  kStop,       ///< a stop token; it is the answer's last token
  kLength,     ///< max_tokens or the end of the context
  kCancelled,  ///< the cancel flag, or the callback asked to end
};

/// "stop", "length" or "cancelled".
std::string_view NameOf(FinishReason reason);

struct GeneratedToken {
  int32_t id = 0;
  std::vector<TokenScore> scores;  ///< ScoreTokens(); empty unless top_logprobs is set
};

/// Gets every token as it is made, stop tokens included; false ends the answer.
using TokenFn = std::function<bool(const GeneratedToken&)>;

/// What one request came to.
struct Generation {
  std::vector<GeneratedToken> tokens;  ///< stop token included
  FinishReason finish_reason = FinishReason::kCancelled;
  int64_t prompt_tokens = 0;   ///< media included
  int64_t reused_tokens = 0;   ///< of the prompt, still in the cache from the request before
  double prefill_seconds = 0;  ///< from the call to the logits of the first token
  double decode_seconds = 0;   ///< from there to the last token
};

struct GeneratorOptions {
  ActivationMode activations = ActivationMode::kBf16;
  /// The most tokens of prompt and answer together; at most the model's max_positions. Absent:
  /// that.
  std::optional<int64_t> context = {};
  /// Prefill tokens in one step, more where one medium has more. Absent: what the backend runs
  /// well.
  std::optional<int64_t> chunk = {};
};

/// Room in a generator's cache at least, so that a conversation's first turns do not outgrow it.
/// Pages that no token reaches cost no memory on hosts.
inline constexpr int64_t kLeastContext = 4096;

class Generator {
 public:
  /// `model` must outlive the generator.
  Generator(const Model& model, const GeneratorOptions& options);

  /// The limit on prompt and answer together.
  int64_t context() const { return context_; }

  /// Answers a prompt. Where it begins as the sequence of the request before, that part is not
  /// computed again; reuse changes no token. `cancelled` is looked at once a step.
  /// kUsage for impossible parameters; kResource, with both numbers, for a prompt that leaves no
  /// room in the context, and for memory that does not suffice; kInvalidData for logits that are no
  /// numbers.
  Result<Generation> Generate(Prompt prompt, const GenerationParams& params,
                              const TokenFn& on_token, const std::atomic<bool>& cancelled);

 private:
  Result<void> CheckRequest(const Prompt& prompt, const GenerationParams& params) const;
  /// Makes cache and buffers large enough; what they held is kept where they already are.
  /// kResource if the memory does not suffice; there is no cache then.
  Result<void> Reserve(const Prompt& prompt, int64_t max_tokens);
  /// Drops the cached tokens that `prompt` does not begin with; returns how many stay.
  int64_t Reuse(const Prompt& prompt);
  /// Computes the prompt's tokens from `first` on; the last one's logits are in logits_. False if
  /// cancelled.
  Result<bool> Prefill(int64_t first, const std::atomic<bool>& cancelled);
  /// Chooses tokens from the prompt's end on, `room` of them at most, into `result`.
  Result<void> Decode(const GenerationParams& params, int64_t room, const TokenFn& on_token,
                      const std::atomic<bool>& cancelled, Generation& result);
  Result<GeneratedToken> Choose(const GenerationParams& params);
  /// Appends a token to the sequence and computes the next one's logits.
  Result<void> Append(int32_t id);
  Result<void> RunStep(const Chunk& chunk);

  const Model* model_;
  ActivationMode activations_;
  int64_t context_;
  int64_t chunk_;
  std::optional<KvCache> cache_;
  std::optional<Workspace> workspace_;
  Buffer logits_;  // float32 [1, vocabulary], in the backend's memory
  Buffer host_logits_;
  Prompt sequence_;  // the current request's tokens and media; the cache holds a prefix of it
};

}  // namespace facet
