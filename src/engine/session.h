// A loaded checkpoint folder: everything that answering a prompt needs, opened once and shared by
// run, chat and eval.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/backend.h"
#include "model/model.h"
#include "prompt/prompt_builder.h"

namespace facet {

struct SessionOptions {
  std::filesystem::path folder;
  std::string backend = "cpu";  ///< MakeBackend()'s names
  int threads = 0;              ///< 0: every processor this process may use
  ActivationMode activations = ActivationMode::kBf16;
  /// Image token budget: 70, 140, 280, 560 or 1120. Absent: the checkpoint's own.
  std::optional<int64_t> max_soft_tokens;
};

/// Immutable after Open(), apart from the backend's threads. Stays where it is: the model refers to
/// the checkpoint beside it.
class Session {
 public:
  /// Opens the checkpoint, the backend, the model, the tokenizer and the chat template, and checks
  /// that they fit: every weight there, the activation mode possible, the vocabulary as large as
  /// the tokenizer's. Errors name the file.
  static Result<std::unique_ptr<Session>> Open(const SessionOptions& options);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const ModelConfig& config() const { return checkpoint_.config(); }
  const Model& model() const { return *model_; }
  const PromptBuilder& prompts() const { return prompts_; }
  const Tokenizer& tokenizer() const { return prompts_.tokenizer(); }
  ActivationMode activations() const { return activations_; }
  /// Accepted, but worth saying to people.
  std::span<const std::string> warnings() const { return checkpoint_.warnings(); }

  /// An image file as a part of a message. Errors name the file; kUnsupported if the model takes no
  /// images.
  Result<Part> ReadImage(const std::filesystem::path& path) const;
  /// A sound file as a part of a message. Errors name the file; kUnsupported if the model takes no
  /// audio.
  Result<Part> ReadAudio(const std::filesystem::path& path) const;

 private:
  Session(Checkpoint checkpoint, std::unique_ptr<Backend> backend, PromptBuilder prompts,
          const SessionOptions& options);

  Checkpoint checkpoint_;
  std::unique_ptr<Backend> backend_;
  PromptBuilder prompts_;
  ActivationMode activations_;
  std::optional<int64_t> max_soft_tokens_;
  std::optional<Model> model_;  // refers to checkpoint_ and backend_; always set after Open()
};

}  // namespace facet
