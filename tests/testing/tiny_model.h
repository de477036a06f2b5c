// models/tiny, or another checkpoint, opened with a backend, and one-call forward passes over it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "kernels/backend_factory.h"
#include "model/model.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet::testing {

/// A medium of a prompt in tests: owns what a MediaInput points to.
struct TestMedium {
  MediaKind kind = MediaKind::kImage;
  int64_t first_token = 0;  ///< in the whole prompt
  int64_t count = 0;
  std::vector<uint8_t> patches;
  std::vector<int32_t> positions;
  std::vector<float> frames;
};

struct TestPrompt {
  std::vector<int32_t> tokens;
  std::vector<TestMedium> media;
};

/// Checkpoint, backend and model with the lifetimes that they need.
class LoadedModel {
 public:
  LoadedModel(const std::filesystem::path& folder, std::string_view backend)
      : backend_(Value(MakeBackend(backend))),
        checkpoint_(std::make_unique<Checkpoint>(Value(Checkpoint::Open(folder)))),
        model_(std::make_unique<Model>(Value(Model::Load(*checkpoint_, *backend_)))) {}

  static LoadedModel Tiny(std::string_view backend) { return {SourcePath("models/tiny"), backend}; }

  const Checkpoint& checkpoint() const { return *checkpoint_; }
  const Model& model() const { return *model_; }
  Backend& backend() const { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<Model> model_;
};

/// The tokens [begin, end) of a prompt as a chunk of `slot`, with the media that lie inside.
inline Chunk ChunkOf(const TestPrompt& prompt, int64_t begin, int64_t end, int64_t slot) {
  Chunk chunk{.slot = slot,
              .tokens = std::span(prompt.tokens)
                            .subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
              .media = {}};
  for (const TestMedium& medium : prompt.media) {
    if (medium.first_token < begin || medium.first_token >= end) continue;
    chunk.media.push_back({.kind = medium.kind,
                           .first_token = medium.first_token - begin,
                           .count = medium.count,
                           .patches = medium.patches.data(),
                           .positions = medium.positions,
                           .frames = medium.frames.data()});
  }
  return chunk;
}

/// The logits of hidden states, in the host's memory: out [hidden.rows, vocabulary].
inline void CopyLogits(const LoadedModel& loaded, ConstMatrix hidden, float* out) {
  const int64_t count = hidden.rows * loaded.model().config().vocabulary;
  const Buffer logits = loaded.backend().Allocate(count * static_cast<int64_t>(sizeof(float)));
  loaded.model().Logits(hidden, {logits.as<float>(), hidden.rows, count / hidden.rows});
  Buffer host;
  std::copy_n(loaded.backend().Read({logits.as<float>(), 1, count}, host).data, count, out);
}

/// Logits of every position, [tokens * vocabulary], computed in steps that end at each of `cuts`
/// (ascending; the prompt's end is added).
inline std::vector<float> AllLogits(const LoadedModel& loaded, const TestPrompt& prompt,
                                    std::vector<int64_t> cuts = {},
                                    ActivationMode mode = ActivationMode::kBf16) {
  const auto tokens = static_cast<int64_t>(prompt.tokens.size());
  const int64_t vocabulary = loaded.model().config().vocabulary;
  cuts.push_back(tokens);
  int64_t longest = 0;
  for (size_t i = 0; i < cuts.size(); ++i)
    longest = std::max(longest, cuts[i] - (i == 0 ? 0 : cuts[i - 1]));
  KvCache cache(loaded.model().config(), {.slots = 1, .max_context = tokens, .max_chunk = longest},
                loaded.backend());
  Workspace workspace(loaded.model().config(), longest, loaded.backend());
  std::vector<float> logits(static_cast<size_t>(tokens * vocabulary));
  int64_t begin = 0;
  for (const int64_t end : cuts) {
    if (end == begin) continue;
    const Batch batch{ChunkOf(prompt, begin, end, 0)};
    const Matrix hidden = Value(loaded.model().Forward(batch, mode, cache, workspace));
    CopyLogits(loaded, hidden, logits.data() + begin * vocabulary);
    begin = end;
  }
  return logits;
}

/// ||a - b|| / ||b|| over the whole range.
inline double RelativeError(std::span<const float> a, std::span<const float> b) {
  FACET_CHECK(a.size() == b.size() && !a.empty());
  double difference = 0;
  double norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace facet::testing
