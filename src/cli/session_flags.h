// The options that say how a model is loaded, the same for run, chat and eval.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "cli/compute_flags.h"
#include "engine/session.h"

namespace facet::cli {

struct SessionFlags {
  std::string folder;
  ComputeFlags compute;
  std::string activations = "bf16";
  std::optional<int64_t> max_soft_tokens;
  bool require_native = false;

  /// DIR, --activations, --require-native, --backend, --threads.
  void AddTo(CLI::App& command);
  /// --max-soft-tokens, for commands that take images.
  void AddImageBudgetTo(CLI::App& command);

  /// Opens `from` (DIR unless another folder is named) and prints its warnings to stderr. `context`
  /// as SessionOptions has it.
  Result<std::unique_ptr<Session>> Open(std::optional<int64_t> context = {}) const {
    return Open(folder, activations, context);
  }
  Result<std::unique_ptr<Session>> Open(const std::string& from, const std::string& mode,
                                        std::optional<int64_t> context = {}) const;
};

/// How each kind of layer is computed, a line each on stderr.
void PrintRoutes(const Session& session);

}  // namespace facet::cli
