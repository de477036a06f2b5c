#include "speed/runs.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/stopwatch.h"
#include "engine/generator.h"
#include "speed/fill_cache.h"

namespace facet {
namespace {

std::vector<int32_t> RandomTokens(int64_t count, int64_t vocabulary, uint64_t seed) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(RandomBits(seed, i) % static_cast<uint64_t>(vocabulary));
  }
  return tokens;
}

int64_t LogitBytes(const Model& model, int64_t rows) {
  return rows * model.config().vocabulary * static_cast<int64_t>(sizeof(float));
}

/// Cache and buffers of steps with one row of logits for each sequence.
class Steps {
 public:
  Steps(const RunContext& context, const KvCacheOptions& options)
      : context_(context),
        cache_(context.model.config(), options, context.model.backend()),
        workspace_(context.model.config(), options.slots * options.max_chunk,
                   context.model.backend()),
        logits_(context.model.backend().Allocate(LogitBytes(context.model, options.slots))) {}

  KvCache& cache() { return cache_; }

  Result<Matrix> Forward(const Batch& batch) {
    if (context_.cancelled) return Fail(ErrorCode::kCancelled, "interrupted");
    return context_.model.Forward(batch, context_.mode, cache_, workspace_);
  }

  /// Computes the logits of `hidden`, and waits for the largest of every row where the backend
  /// ranks them, or for the first where it does not.
  void Logits(ConstMatrix hidden) {
    const Matrix logits{logits_.as<float>(), hidden.rows, context_.model.config().vocabulary};
    context_.model.Logits(hidden, logits);
    largest_.resize(static_cast<size_t>(hidden.rows));
    if (context_.model.backend().TopK(logits, 1, largest_)) return;
    context_.model.backend().Read({logits.data, 1, 1}, first_);
  }

 private:
  const RunContext& context_;
  KvCache cache_;
  Workspace workspace_;
  Buffer logits_;
  std::vector<RankedValue> largest_;
  Buffer first_;
};

class PrefillRun final : public SpeedRun {
 public:
  PrefillRun(const RunContext& context, const SpeedCase& what)
      : context_(context),
        options_(CacheOptionsOf(what, context.chunk)),
        steps_(context, options_),
        tokens_(RandomTokens(what.tokens, context.model.config().vocabulary, 1)) {}

  /// The first chunk, and logits.
  Result<void> WarmUp() override {
    steps_.cache().Clear(0);
    FACET_TRY(const Matrix hidden, Chunk(0));
    steps_.Logits(hidden.Rows(hidden.rows - 1, 1));
    return {};
  }

  Result<double> Once() override {
    const Stopwatch stopwatch;
    steps_.cache().Clear(0);
    const auto count = static_cast<int64_t>(tokens_.size());
    for (int64_t begin = 0; begin < count; begin += options_.max_chunk) {
      FACET_TRY(const Matrix hidden, Chunk(begin));
      if (begin + hidden.rows == count) steps_.Logits(hidden.Rows(hidden.rows - 1, 1));
      context_.on_tokens(hidden.rows);
    }
    return stopwatch.seconds();
  }

 private:
  Result<Matrix> Chunk(int64_t begin) {
    const auto rest = std::span(tokens_).subspan(static_cast<size_t>(begin));
    const size_t count = std::min(rest.size(), static_cast<size_t>(options_.max_chunk));
    return steps_.Forward({{.slot = 0, .tokens = rest.first(count), .media = {}}});
  }

  RunContext context_;
  KvCacheOptions options_;
  Steps steps_;
  std::vector<int32_t> tokens_;
};

class DecodeRun final : public SpeedRun {
 public:
  DecodeRun(const RunContext& context, const SpeedCase& what)
      : context_(context),
        what_(what),
        steps_(context, CacheOptionsOf(what, context.chunk)),
        tokens_(RandomTokens(what.tokens * what.batch, context.model.config().vocabulary, 2)) {
    FillCache(context.model.config(), context.model.backend(), steps_.cache());
  }

  Result<void> WarmUp() override {
    constexpr int64_t kSteps = 3;
    return Run(std::min(kSteps, what_.tokens), [](int64_t) {});
  }

  Result<double> Once() override {
    const Stopwatch stopwatch;
    FACET_RETURN_IF_ERROR(Run(what_.tokens, context_.on_tokens));
    return stopwatch.seconds();
  }

 private:
  Result<void> Run(int64_t steps, const std::function<void(int64_t)>& on_tokens) {
    for (int64_t slot = 0; slot < what_.batch; ++slot) {
      steps_.cache().Clear(slot);
      steps_.cache().Advance(slot, what_.depth);
    }
    Batch batch(static_cast<size_t>(what_.batch));
    for (int64_t step = 0; step < steps; ++step) {
      for (int64_t slot = 0; slot < what_.batch; ++slot) {
        const auto token = static_cast<size_t>(step * what_.batch + slot);
        batch[static_cast<size_t>(slot)] = {
            .slot = slot, .tokens = std::span(tokens_).subspan(token, 1), .media = {}};
      }
      FACET_TRY(const Matrix hidden, steps_.Forward(batch));
      steps_.Logits(hidden);
      on_tokens(what_.batch);
    }
    return {};
  }

  RunContext context_;
  SpeedCase what_;
  Steps steps_;
  std::vector<int32_t> tokens_;  // [step, sequence]
};

class FirstTokenRun final : public SpeedRun {
 public:
  FirstTokenRun(const RunContext& context, const SpeedCase& what)
      : context_(context),
        what_(what),
        generator_(
            context.model,
            {.activations = context.mode, .context = what.tokens + 1, .chunk = context.chunk}) {}

  Result<void> WarmUp() override { return Answer(nullptr); }

  Result<double> Once() override {
    double seconds = 0;
    FACET_RETURN_IF_ERROR(Answer(&seconds));
    context_.on_tokens(what_.tokens);
    return seconds;
  }

 private:
  /// Each prompt is another one, or the engine would reuse the one before.
  Result<void> Answer(double* first_token_seconds) {
    Prompt prompt{
        .tokens = RandomTokens(what_.tokens, context_.model.config().vocabulary, ++prompts_),
        .media = {}};
    GenerationParams params;
    params.sampling.temperature = 0;
    params.max_tokens = 1;
    const Stopwatch stopwatch;
    const auto on_token = [&](const GeneratedToken&) {
      if (first_token_seconds != nullptr) *first_token_seconds = stopwatch.seconds();
      return true;
    };
    FACET_TRY(const Generation answer,
              generator_.Generate(std::move(prompt), params, on_token, context_.cancelled));
    if (answer.tokens.empty()) return Fail(ErrorCode::kCancelled, "interrupted");
    return {};
  }

  RunContext context_;
  SpeedCase what_;
  Generator generator_;
  uint64_t prompts_ = 0;
};

}  // namespace

KvCacheOptions CacheOptionsOf(const SpeedCase& what, int64_t chunk) {
  if (what.kind == SpeedKind::kDecode) {
    return {.slots = what.batch, .max_context = what.depth + what.tokens, .max_chunk = 1};
  }
  return {.slots = 1, .max_context = what.tokens, .max_chunk = std::min(chunk, what.tokens)};
}

std::unique_ptr<SpeedRun> MakeRun(const RunContext& context, const SpeedCase& what) {
  switch (what.kind) {
    case SpeedKind::kPrefill:
      return std::make_unique<PrefillRun>(context, what);
    case SpeedKind::kDecode:
      return std::make_unique<DecodeRun>(context, what);
    case SpeedKind::kFirstToken:
      break;
  }
  return std::make_unique<FirstTokenRun>(context, what);
}

}  // namespace facet
