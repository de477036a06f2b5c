#include "engine/generator.h"

#include <algorithm>
#include <span>

#include "base/stopwatch.h"
#include "engine/prefill.h"
#include "model/memory_plan.h"

namespace facet {
namespace {

bool SameMedia(const MediaSpan& a, const MediaSpan& b) {
  if (a.first_token != b.first_token || a.count != b.count) return false;
  if (a.media.index() != b.media.index()) return false;
  if (const auto* image = std::get_if<ImagePatches>(&a.media)) {
    const auto& other = std::get<ImagePatches>(b.media);
    return image->positions == other.positions && image->patches == other.patches;
  }
  return std::get<AudioFrames>(a.media).samples == std::get<AudioFrames>(b.media).samples;
}

/// Number of first tokens in which two sequences agree, media included.
int64_t CommonPrefix(const Prompt& a, const Prompt& b) {
  const auto [mismatch, unused] =
      std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  int64_t prefix = mismatch - a.tokens.begin();
  for (size_t i = 0; i < std::max(a.media.size(), b.media.size()); ++i) {
    if (i < a.media.size() && i < b.media.size() && SameMedia(a.media[i], b.media[i])) continue;
    if (i < a.media.size()) prefix = std::min(prefix, a.media[i].first_token);
    if (i < b.media.size()) prefix = std::min(prefix, b.media[i].first_token);
    break;
  }
  return prefix;
}

bool Contains(std::span<const int32_t> ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

GenerationParams GenerationDefaults(const GenerationConfig& config) {
  return {.sampling = SamplingDefaults(config),
          .max_tokens = 0,
          .stop_tokens = config.stop_tokens,
          .suppress_tokens = config.suppress_tokens,
          .top_logprobs = std::nullopt};
}

std::string_view NameOf(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "cancelled";
}

Generator::Generator(const Model& model, const GeneratorOptions& options)
    : model_(&model),
      activations_(options.activations),
      context_(std::min(options.context.value_or(model.config().max_positions),
                        model.config().max_positions)),
      chunk_(options.chunk.value_or(model.backend().full_step_tokens())),
      logits_(model.backend().Allocate(model.config().vocabulary *
                                       static_cast<int64_t>(sizeof(float)))) {}

Result<void> Generator::CheckRequest(const Prompt& prompt, const GenerationParams& params) const {
  FACET_RETURN_IF_ERROR(CheckSampling(params.sampling));
  FACET_RETURN_IF_ERROR(model_->CheckMode(activations_));
  if (params.max_tokens < 1) {
    return Fail(ErrorCode::kUsage, "max_tokens {}: expected 1 or more", params.max_tokens);
  }
  if (prompt.tokens.empty()) return Fail(ErrorCode::kUsage, "the prompt has no tokens");
  if (static_cast<int64_t>(prompt.tokens.size()) >= context_) {
    return Fail(ErrorCode::kResource,
                "the prompt has {} tokens, which leaves no room for an answer in the context of {}",
                prompt.tokens.size(), context_);
  }
  return {};
}

Result<void> Generator::Reserve(const Prompt& prompt, int64_t max_tokens) {
  const auto prompt_tokens = static_cast<int64_t>(prompt.tokens.size());
  const int64_t context = prompt_tokens + std::min(max_tokens, context_ - prompt_tokens);
  const int64_t chunk = ChunkLimit(prompt, chunk_);
  if (cache_ && cache_->options().max_context >= context && cache_->options().max_chunk >= chunk) {
    return {};
  }
  // A conversation asks for a little more every turn, and each growth computes it anew: double.
  const int64_t roomy = cache_ ? 2 * cache_->options().max_context : kLeastContext;
  cache_.reset();
  workspace_.reset();
  KvCacheOptions options{
      .slots = 1, .max_context = std::min(context_, std::max(context, roomy)), .max_chunk = chunk};
  const ModelConfig& config = model_->config();
  if (!CheckMemory(config, model_->backend(), options, 0)) {
    options.max_context = context;  // without room for later turns
    FACET_RETURN_IF_ERROR(CheckMemory(config, model_->backend(), options, 0));
  }
  cache_.emplace(config, options, model_->backend());
  workspace_.emplace(config, chunk, model_->backend());
  return {};
}

int64_t Generator::Reuse(const Prompt& prompt) {
  // The last token is always computed, for its logits.
  int64_t prefix = std::min({cache_->length(0), CommonPrefix(sequence_, prompt),
                             static_cast<int64_t>(prompt.tokens.size()) - 1});
  prefix = OutsideMedia(prompt, prefix);
  if (cache_->Rewind(0, prefix)) return prefix;
  cache_->Clear(0);
  return 0;
}

Result<void> Generator::RunStep(const Chunk& chunk) {
  FACET_TRY(const Matrix hidden, model_->Forward({chunk}, activations_, *cache_, *workspace_));
  model_->Logits(hidden.Rows(hidden.rows - 1, 1),
                 {logits_.as<float>(), 1, model_->config().vocabulary});
  return {};
}

Result<bool> Generator::Prefill(int64_t first, const std::atomic<bool>& cancelled) {
  for (const TokenRange range : CutPrompt(sequence_, first, cache_->options().max_chunk)) {
    if (cancelled) return false;
    FACET_RETURN_IF_ERROR(RunStep(MakeChunk(sequence_, range, 0)));
  }
  return true;
}

Result<GeneratedToken> Generator::Choose(const GenerationParams& params) {
  const Matrix row{logits_.as<float>(), 1, model_->config().vocabulary};
  const auto position = static_cast<uint64_t>(sequence_.tokens.size());
  Backend& backend = model_->backend();
  GeneratedToken token;
  // The few largest decide, where nobody asks for more: the others stay where they are.
  std::vector<RankedValue> ranked(
      static_cast<size_t>(LogitsNeeded(params.suppress_tokens, params.sampling)));
  const auto needed = static_cast<int64_t>(ranked.size());
  if (!params.top_logprobs && needed > 0 && needed <= row.cols &&
      backend.TopK(row, needed, ranked)) {
    FACET_TRY(token.id, SampleRanked(ranked, params.suppress_tokens, params.sampling, position));
    return token;
  }
  const std::span logits(backend.Read(row, host_logits_).data, static_cast<size_t>(row.cols));
  FACET_TRY(token.id, Sample(logits, params.suppress_tokens, params.sampling, position));
  if (params.top_logprobs) token.scores = ScoreTokens(logits, token.id, *params.top_logprobs);
  return token;
}

Result<void> Generator::Append(int32_t id) {
  sequence_.tokens.push_back(id);
  return RunStep({.slot = 0, .tokens = std::span(sequence_.tokens).last(1), .media = {}});
}

Result<void> Generator::Decode(const GenerationParams& params, int64_t room,
                               const TokenFn& on_token, const std::atomic<bool>& cancelled,
                               Generation& result) {
  const Stopwatch stopwatch;
  while (!cancelled) {
    FACET_TRY(GeneratedToken token, Choose(params));
    result.tokens.push_back(std::move(token));
    result.decode_seconds = stopwatch.seconds();
    const GeneratedToken& last = result.tokens.back();
    if (!on_token(last)) return {};
    if (Contains(params.stop_tokens, last.id)) {
      result.finish_reason = FinishReason::kStop;
      return {};
    }
    if (static_cast<int64_t>(result.tokens.size()) == room) {
      result.finish_reason = FinishReason::kLength;
      return {};
    }
    FACET_RETURN_IF_ERROR(Append(last.id));
  }
  return {};
}

Result<Generation> Generator::Generate(Prompt prompt, const GenerationParams& params,
                                       const TokenFn& on_token,
                                       const std::atomic<bool>& cancelled) {
  FACET_RETURN_IF_ERROR(CheckRequest(prompt, params));
  const Stopwatch stopwatch;
  Generation result;
  result.prompt_tokens = static_cast<int64_t>(prompt.tokens.size());
  FACET_RETURN_IF_ERROR(Reserve(prompt, params.max_tokens));
  result.reused_tokens = Reuse(prompt);
  sequence_ = std::move(prompt);

  FACET_TRY(const bool filled, Prefill(result.reused_tokens, cancelled));
  result.prefill_seconds = stopwatch.seconds();
  if (!filled) return result;
  const int64_t room = std::min(params.max_tokens, context_ - result.prompt_tokens);
  FACET_RETURN_IF_ERROR(Decode(params, room, on_token, cancelled, result));
  return result;
}

}  // namespace facet
