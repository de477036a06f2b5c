#include "speed/measure.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include "base/file.h"
#include "model/memory_plan.h"
#include "speed/runs.h"

namespace facet {
namespace {

/// The cost of one repetition.
Cost CostOfCase(const Model& model, const WeightCost& weights, int64_t chunk,
                const SpeedCase& what) {
  const DType cache = model.backend().cache_dtype();
  const bool decode = what.kind == SpeedKind::kDecode;
  const int64_t most = decode ? 1 : chunk;
  Cost cost;
  for (int64_t done = 0; done < what.tokens; done += most) {
    const int64_t tokens = std::min(most, what.tokens - done);
    const bool last = done + tokens == what.tokens;
    cost += CostOfStep(model.config(), weights, cache,
                       {.sequences = what.batch,
                        .first_position = what.depth + done,
                        .tokens = tokens,
                        .logits = decode || last ? 1 : 0});
  }
  return cost;
}

std::string_view StageOf(SpeedKind kind) {
  switch (kind) {
    case SpeedKind::kPrefill:
      return "prefill";
    case SpeedKind::kDecode:
      return "decode";
    case SpeedKind::kFirstToken:
      break;
  }
  return "first token";
}

int64_t TokensOf(const SpeedCase& what) { return what.tokens * what.batch; }

class Meter {
 public:
  Meter(const Model& model, ActivationMode mode, const WeightCost& weights,
        const SpeedOptions& options, const ProgressFn& progress, const std::atomic<bool>& cancelled)
      : weights_(weights),
        options_(options),
        progress_(progress),
        context_{model, mode, options.chunk, cancelled, on_tokens_} {}

  Result<SpeedResult> Measure(const SpeedCase& what) {
    SpeedResult result{.what = what, .left_out = {}, .seconds = {}, .cost = {}};
    if (const auto reason = ReasonToLeaveOut(what)) {
      result.left_out = *reason;
      return result;
    }
    std::unique_ptr<SpeedRun> run;
    try {
      run = MakeRun(context_, what);
    } catch (const std::bad_alloc&) {
      result.left_out = "the device has not enough memory";
      return result;
    }
    Result<std::vector<double>> seconds = Repeat(*run, what);
    if (!seconds && seconds.error().code == ErrorCode::kCancelled) {
      result.left_out = "interrupted";
      return result;
    }
    if (!seconds) return tl::unexpected(std::move(seconds).error());
    result.seconds = *std::move(seconds);
    result.cost = CostOfCase(context_.model, weights_, options_.chunk, what);
    return result;
  }

 private:
  std::optional<std::string> ReasonToLeaveOut(const SpeedCase& what) const {
    if (context_.cancelled) return "interrupted";
    // The engine wants room for the answer's token.
    const int64_t positions =
        what.depth + what.tokens + (what.kind == SpeedKind::kFirstToken ? 1 : 0);
    if (positions > options_.context) {
      return fmt::format("{} positions do not fit the context of {}", positions, options_.context);
    }
    return ReasonOfMemory(what);
  }

  std::optional<std::string> ReasonOfMemory(const SpeedCase& what) const {
    const ModelConfig& config = context_.model.config();
    Backend& backend = context_.model.backend();
    const KvCacheOptions cache = CacheOptionsOf(what, options_.chunk);
    const int64_t bytes = PlanMemory(config, backend, cache, 0).total();
    if (bytes <= options_.memory) return std::nullopt;
    const int64_t context = LargestContext(config, backend, cache, 0, options_.memory);
    std::string fits = context > what.tokens && what.kind == SpeedKind::kDecode
                           ? fmt::format("depth {}", context - what.tokens)
                           : fmt::format("{} positions", context);
    if (what.batch > 1) {
      fits += fmt::format(" or batch {}", LargestBatch(config, backend, cache, 0, options_.memory));
    }
    return fmt::format("cache and buffers need {}, and {} are free: {} would fit",
                       HumanBytes(static_cast<uint64_t>(bytes)),
                       HumanBytes(static_cast<uint64_t>(std::max<int64_t>(0, options_.memory))),
                       fits);
  }

  Result<std::vector<double>> Repeat(SpeedRun& run, const SpeedCase& what) {
    done_ = 0;
    stage_ = StageOf(what.kind);
    total_ = TokensOf(what) * options_.repetitions;
    FACET_RETURN_IF_ERROR(run.WarmUp());
    std::vector<double> seconds;
    for (int64_t i = 0; i < options_.repetitions; ++i) {
      FACET_TRY(const double taken, run.Once());
      seconds.push_back(taken);
    }
    std::ranges::sort(seconds);
    return seconds;
  }

  const WeightCost& weights_;
  const SpeedOptions& options_;
  const ProgressFn& progress_;
  std::string_view stage_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  std::function<void(int64_t)> on_tokens_ = [this](int64_t tokens) {
    done_ += tokens;
    progress_(stage_, done_, total_, "tokens");
  };
  RunContext context_;
};

}  // namespace

std::vector<SpeedCase> CasesOf(const SpeedOptions& options) {
  std::vector<SpeedCase> cases;
  cases.reserve(options.prompts.size() + options.depths.size() * options.batches.size());
  for (const int64_t prompt : options.prompts) {
    cases.push_back({.kind = SpeedKind::kPrefill, .tokens = prompt});
  }
  for (const int64_t depth : options.depths) {
    for (const int64_t batch : options.batches) {
      cases.push_back({.kind = SpeedKind::kDecode,
                       .tokens = options.decode_tokens,
                       .depth = depth,
                       .batch = batch});
    }
  }
  if (options.first_token_prompt > 0) {
    cases.push_back({.kind = SpeedKind::kFirstToken, .tokens = options.first_token_prompt});
  }
  return cases;
}

Result<void> MeasureSpeed(const Model& model, ActivationMode mode, const WeightCost& weights,
                          const SpeedOptions& options,
                          const std::function<void(const SpeedResult&)>& on_result,
                          const ProgressFn& progress, const std::atomic<bool>& cancelled) {
  FACET_RETURN_IF_ERROR(model.CheckMode(mode));
  Meter meter(model, mode, weights, options, progress, cancelled);
  for (const SpeedCase& what : CasesOf(options)) {
    FACET_TRY(const SpeedResult result, meter.Measure(what));
    on_result(result);
  }
  return {};
}

}  // namespace facet
