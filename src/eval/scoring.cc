#include "eval/scoring.h"

#include <algorithm>
#include <memory>

namespace facet {
namespace {

/// Tokens in one step: enough for matrix products to run at full speed.
constexpr int64_t kStepTokens = 1024;
/// Most tokens of one window in a step.
constexpr int64_t kMaxChunk = 512;
/// Logits that exist at once, per model.
constexpr int64_t kSliceBytes = int64_t{64} << 20;
constexpr int64_t kMaxSliceRows = 256;

/// One model with the memory for its steps.
class Runner {
 public:
  Runner(const ScoredModel& scored, const KvCacheOptions& options, int64_t slice_rows)
      : model_(*scored.model),
        activations_(scored.activations),
        cache_(model_.config(), options, model_.backend()),
        workspace_(model_.config(), options.slots * options.max_chunk, model_.backend()),
        logits_(model_.backend().Allocate(slice_rows * model_.config().vocabulary *
                                          static_cast<int64_t>(sizeof(float)))) {}

  void Restart() {
    for (int64_t slot = 0; slot < cache_.options().slots; ++slot) cache_.Clear(slot);
  }
  Result<void> Step(const Batch& batch) {
    FACET_TRY(hidden_, model_.Forward(batch, activations_, cache_, workspace_));
    return {};
  }
  /// In the host's memory, valid until the next call.
  ConstMatrix Logits(int64_t first_row, int64_t rows) {
    const Matrix out{logits_.as<float>(), rows, model_.config().vocabulary};
    model_.Logits(hidden_.Rows(first_row, rows), out);
    return model_.backend().Read(out, host_logits_);
  }

 private:
  const Model& model_;
  ActivationMode activations_;
  KvCache cache_;
  Workspace workspace_;
  Buffer logits_;
  Buffer host_logits_;
  Matrix hidden_;
};

/// A window as the model sees it.
struct Sequence {
  std::vector<int32_t> tokens;
  int64_t scored_from = 0;  // the first scored token's index in `tokens`
};

Sequence SequenceOf(const ScoringWindow& window, std::span<const int32_t> text,
                    const ScoringProtocol& protocol) {
  const auto prefix = static_cast<int64_t>(protocol.prefix.size());
  Sequence sequence{protocol.prefix, prefix + window.scored_from - window.begin};
  const auto part = text.subspan(static_cast<size_t>(window.begin),
                                 static_cast<size_t>(window.end - window.begin));
  sequence.tokens.insert(sequence.tokens.end(), part.begin(), part.end());
  return sequence;
}

/// The most rows whose logits fit a slice of every model.
int64_t SliceRows(std::span<const ScoredModel> models) {
  int64_t rows = kMaxSliceRows;
  for (const ScoredModel& scored : models) {
    const int64_t bytes = scored.model->config().vocabulary * static_cast<int64_t>(sizeof(float));
    rows = std::min(rows, std::max<int64_t>(1, kSliceBytes / bytes));
  }
  return rows;
}

/// Scores groups of windows on all models.
class Scorer {
 public:
  Scorer(std::span<const ScoredModel> models, int64_t context, const SliceFn& score,
         const RunControl& control)
      : score_(score),
        control_(control),
        options_{.slots = std::max<int64_t>(1, kStepTokens / context),
                 .max_context = context,
                 .max_chunk = std::min(context, kMaxChunk)},
        slice_rows_(SliceRows(models)) {
    for (const ScoredModel& scored : models) {
      runners_.push_back(std::make_unique<Runner>(scored, options_, slice_rows_));
    }
  }

  size_t group_size() const { return static_cast<size_t>(options_.slots); }

  /// Scores up to group_size() windows together.
  Result<Extent> Score(std::span<const Sequence> sequences) {
    int64_t longest = 0;
    for (const Sequence& sequence : sequences) {
      longest = std::max(longest, static_cast<int64_t>(sequence.tokens.size()));
    }
    for (const auto& runner : runners_) runner->Restart();
    for (int64_t begin = 0; begin < longest; begin += options_.max_chunk) {
      if (begun_ && control_.Cancelled()) return Extent::kPart;
      begun_ = true;
      FACET_RETURN_IF_ERROR(ScoreChunks(sequences, begin));
    }
    return Extent::kWhole;
  }

 private:
  /// The chunks that begin at token `begin` of every sequence: one step.
  Result<void> ScoreChunks(std::span<const Sequence> sequences, int64_t begin) {
    const Batch batch = ChunksAt(sequences, begin);
    for (const auto& runner : runners_) FACET_RETURN_IF_ERROR(runner->Step(batch));
    int64_t row = 0;
    for (const Chunk& chunk : batch) {
      const auto count = static_cast<int64_t>(chunk.tokens.size());
      const Sequence& sequence = sequences[static_cast<size_t>(chunk.slot)];
      FACET_RETURN_IF_ERROR(ScoreRows(sequence, begin, count, row));
      row += count;
    }
    return {};
  }

  Batch ChunksAt(std::span<const Sequence> sequences, int64_t begin) const {
    Batch batch;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const std::span<const int32_t> tokens = sequences[i].tokens;
      const int64_t left = static_cast<int64_t>(tokens.size()) - begin;
      if (left <= 0) continue;
      const int64_t count = std::min(left, options_.max_chunk);
      batch.push_back(
          {.slot = static_cast<int64_t>(i),
           .tokens = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
           .media = {}});
    }
    return batch;
  }

  /// Hands over the logits of a sequence's tokens [begin, begin + count), which stand in the step's
  /// rows from `first_row` on. The row of a token predicts the next one.
  Result<void> ScoreRows(const Sequence& sequence, int64_t begin, int64_t count,
                         int64_t first_row) {
    const int64_t last = static_cast<int64_t>(sequence.tokens.size()) - 1;  // predicts nothing
    const int64_t end = std::min(begin + count, last);
    for (int64_t t = std::max(begin, sequence.scored_from - 1); t < end; t += slice_rows_) {
      const int64_t rows = std::min(slice_rows_, end - t);
      std::vector<ConstMatrix> logits;
      logits.reserve(runners_.size());
      for (const auto& runner : runners_) {
        logits.push_back(runner->Logits(first_row + t - begin, rows));
      }
      const auto targets =
          std::span(sequence.tokens).subspan(static_cast<size_t>(t + 1), static_cast<size_t>(rows));
      FACET_RETURN_IF_ERROR(score_(logits, targets));
    }
    return {};
  }

  const SliceFn& score_;
  const RunControl& control_;
  bool begun_ = false;  // a step has been made: there is something to report
  KvCacheOptions options_;
  int64_t slice_rows_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

Result<void> CheckModel(const ScoredModel& scored, int64_t context) {
  FACET_RETURN_IF_ERROR(scored.model->CheckMode(scored.activations));
  if (context > scored.model->config().max_positions) {
    return Fail(ErrorCode::kUsage, "a context of {} tokens: the model takes at most {}", context,
                scored.model->config().max_positions);
  }
  return {};
}

}  // namespace

Result<Extent> ScoreText(std::span<const ScoredModel> models, std::span<const int32_t> text,
                         const ScoringProtocol& protocol, const SliceFn& score,
                         const RunControl& control) {
  for (const ScoredModel& scored : models) {
    FACET_RETURN_IF_ERROR(CheckModel(scored, protocol.context));
  }
  FACET_TRY(const std::vector<ScoringWindow> windows,
            CutWindows(static_cast<int64_t>(text.size()), protocol));
  Scorer scorer(models, protocol.context, score, control);
  const int64_t total = TokensScored(windows);
  int64_t done = 0;
  for (size_t first = 0; first < windows.size(); first += scorer.group_size()) {
    const auto group =
        std::span(windows).subspan(first, std::min(scorer.group_size(), windows.size() - first));
    std::vector<Sequence> sequences;
    for (const ScoringWindow& window : group) {
      sequences.push_back(SequenceOf(window, text, protocol));
    }
    FACET_TRY(const Extent extent, scorer.Score(sequences));
    if (extent == Extent::kPart) return extent;
    done += TokensScored(group);
    control.Report("scoring", done, total, "tokens");
  }
  return Extent::kWhole;
}

}  // namespace facet
