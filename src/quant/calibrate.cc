#include "quant/calibrate.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "checkpoint/tensor_specs.h"

namespace facet {
namespace {

/// Most tokens of one sequence in a step. More would only cost memory: a step's products are then
/// bound by arithmetic, not by reading the weights.
constexpr int64_t kMaxChunk = 1024;

constexpr uint32_t kInfinityBits = 0x7F800000u;

/// Magnitudes compare as integers, and every NaN is above infinity, so none is lost.
uint32_t LargestMagnitude(ConstMatrix input) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < input.rows * input.cols; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(input.data[i]) & 0x7FFFFFFFu);
  }
  return largest;
}

std::string_view Suffix(LinearGroup group) {
  switch (group) {
    case LinearGroup::kQueryKeyValue:
      return "self_attn.qkv_proj";
    case LinearGroup::kOutput:
      return "self_attn.o_proj";
    case LinearGroup::kGateUp:
      return "mlp.gate_up_proj";
    case LinearGroup::kDown:
      return "mlp.down_proj";
  }
  return "";
}

using Sequences = std::span<const std::vector<int32_t>>;

int64_t Longest(Sequences sequences) {
  int64_t longest = 0;
  for (const auto& tokens : sequences)
    longest = std::max(longest, static_cast<int64_t>(tokens.size()));
  return longest;
}

/// The part of every sequence that starts at `begin`, each in the slot of its index.
Batch StepAt(Sequences sequences, int64_t begin, int64_t length) {
  Batch batch;
  for (size_t slot = 0; slot < sequences.size(); ++slot) {
    const auto size = static_cast<int64_t>(sequences[slot].size());
    if (begin >= size) continue;
    const auto tokens = std::span(sequences[slot])
                            .subspan(static_cast<size_t>(begin),
                                     static_cast<size_t>(std::min(length, size - begin)));
    batch.push_back({.slot = static_cast<int64_t>(slot), .tokens = tokens, .media = {}});
  }
  return batch;
}

class Calibration {
 public:
  Calibration(const Model& model, Sequences sequences, int64_t batch_size,
              const RunControl& control)
      : model_(model),
        control_(control),
        sequences_(sequences),
        chunk_(std::min(Longest(sequences), kMaxChunk)),
        cache_(model.config(),
               {.slots = batch_size, .max_context = Longest(sequences), .max_chunk = chunk_},
               model.backend()),
        workspace_(model.config(), batch_size * chunk_, model.backend()) {
    for (const auto& tokens : sequences) total_ += static_cast<int64_t>(tokens.size());
  }

  Result<InputRanges> Run() {
    const auto batch_size = static_cast<size_t>(cache_.options().slots);
    for (size_t first = 0; first < sequences_.size(); first += batch_size) {
      const size_t count = std::min(batch_size, sequences_.size() - first);
      FACET_RETURN_IF_ERROR(RunBatch(sequences_.subspan(first, count)));
    }
    return Ranges();
  }

 private:
  Result<void> RunBatch(Sequences sequences) {
    for (int64_t slot = 0; slot < cache_.options().slots; ++slot) cache_.Clear(slot);
    for (int64_t begin = 0; begin < Longest(sequences); begin += chunk_) {
      FACET_RETURN_IF_ERROR(control_.Check());
      const Batch batch = StepAt(sequences, begin, chunk_);
      const auto observe = [this](size_t layer, LinearGroup group, Activations input) {
        uint32_t& largest = largest_[GroupName(layer, group)];
        const ConstMatrix values = model_.backend().ReadActivations(input, host_input_);
        largest = std::max(largest, LargestMagnitude(values));
      };
      FACET_TRY([[maybe_unused]] const Matrix hidden,
                model_.Forward(batch, ActivationMode::kBf16, cache_, workspace_, observe));
      FACET_RETURN_IF_ERROR(CheckFinite());
      done_ += TokensIn(batch);
      control_.Report("calibrate", done_, total_, "tokens");
    }
    return {};
  }

  Result<void> CheckFinite() const {
    for (size_t layer = 0; layer < model_.config().layers.size(); ++layer) {
      for (const LinearGroup group : {LinearGroup::kQueryKeyValue, LinearGroup::kOutput,
                                      LinearGroup::kGateUp, LinearGroup::kDown}) {
        const auto found = largest_.find(GroupName(layer, group));
        if (found == largest_.end() || found->second < kInfinityBits) continue;
        return Fail(ErrorCode::kInvalidData,
                    "calibration: the input of {} is not finite (NaN or infinity)", found->first);
      }
    }
    return {};
  }

  InputRanges Ranges() const {
    InputRanges ranges;
    for (const auto& [group, bits] : largest_) ranges[group] = std::bit_cast<float>(bits);
    return ranges;
  }

  const Model& model_;
  const RunControl& control_;
  Sequences sequences_;
  int64_t chunk_;
  KvCache cache_;
  Workspace workspace_;
  Buffer host_input_;
  std::map<std::string, uint32_t> largest_;  // bits of the largest magnitude
  int64_t done_ = 0;
  int64_t total_ = 0;
};

}  // namespace

std::vector<std::vector<int32_t>> CutIntoWindows(std::span<const int32_t> tokens,
                                                 const WindowOptions& options) {
  const int64_t prefix = options.bos ? 1 : 0;
  FACET_CHECK(options.sequence_length > prefix);
  const auto width = static_cast<size_t>(options.sequence_length - prefix);
  std::vector<std::vector<int32_t>> windows;
  for (size_t begin = 0;
       begin < tokens.size() && static_cast<int64_t>(windows.size()) < options.samples;
       begin += width) {
    const auto part = tokens.subspan(begin, std::min(width, tokens.size() - begin));
    std::vector<int32_t>& window = windows.emplace_back();
    if (options.bos) window.push_back(*options.bos);
    window.insert(window.end(), part.begin(), part.end());
  }
  return windows;
}

std::string GroupName(size_t layer, LinearGroup group) {
  return fmt::format("{}{}", LayerPrefix(layer), Suffix(group));
}

Result<InputRanges> Calibrate(const Model& model, std::span<const std::vector<int32_t>> sequences,
                              int64_t batch_size, const RunControl& control) {
  FACET_CHECK(batch_size >= 1);
  if (Longest(sequences) == 0) return Fail(ErrorCode::kUsage, "no tokens to calibrate with");
  const int64_t slots = std::min(batch_size, static_cast<int64_t>(sequences.size()));
  return Calibration(model, sequences, slots, control).Run();
}

}  // namespace facet
