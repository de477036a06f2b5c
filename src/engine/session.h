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
#include "kernels/routes.h"
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
  /// Tokens that one sequence will have: the memory for them is asked for before anything is
  /// loaded. Absent: what a generator reserves at least.
  std::optional<int64_t> context = {};
  bool require_native = false;  ///< refuse routes that are fallbacks (kernels/routes.h)
};

/// Immutable after Open(), apart from the backend's threads. Stays where it is: the model refers to
/// the checkpoint beside it.
class Session {
 public:
  /// Opens the checkpoint, the backend, the model, the tokenizer and the chat template, and checks
  /// that they fit: every weight there, the activation mode possible, the vocabulary as large as
  /// the tokenizer's, memory for weights and context. Errors name the file; kResource says what
  /// memory would do for, kUnsupported which layers have no native route where one is required.
  static Result<std::unique_ptr<Session>> Open(const SessionOptions& options);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const ModelConfig& config() const { return checkpoint_.config(); }
  const Model& model() const { return *model_; }
  const PromptBuilder& prompts() const { return prompts_; }
  const Tokenizer& tokenizer() const { return prompts_.tokenizer(); }
  ActivationMode activations() const { return activations_; }
  /// How each kind of layer is computed, and why.
  std::span<const Route> routes() const { return routes_; }
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
  std::vector<Route> routes_;
  std::optional<int64_t> max_soft_tokens_;
  std::optional<Model> model_;  // refers to checkpoint_ and backend_; always set after Open()
};

}  // namespace facet
