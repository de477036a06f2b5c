#include "cli/session_flags.h"

#include <cstdio>

#include "base/thread_pool.h"

namespace facet::cli {

void SessionFlags::AddTo(CLI::App& command) {
  command.add_option("DIR", folder, "Checkpoint folder")->required();
  command.add_option("--activations", activations,
                     "Inputs of NVFP4 linears: bf16 (W4A16, unquantized) or nvfp4 (W4A4, with the "
                     "checkpoint's input scales)");
  command.add_option("--backend", backend, "cpu (fast) or ref (the executable specification)");
  command.add_option("--threads", threads, "Threads; 0: every processor this process may use")
      ->check(CLI::Range(0, 1024));
}

void SessionFlags::AddImageBudgetTo(CLI::App& command) {
  command
      .add_option("--max-soft-tokens", max_soft_tokens,
                  "Tokens that an image may fill: 70, 140, 280, 560 or 1120 (default: the "
                  "checkpoint's)")
      ->check(CLI::IsMember({70, 140, 280, 560, 1120}));
}

int SessionFlags::PoolSize() const {
  return threads > 0 ? threads : ThreadPool::UsableProcessors();
}

Result<std::unique_ptr<Session>> SessionFlags::Open(const std::string& from,
                                                    const std::string& mode) const {
  FACET_TRY(const ActivationMode activation_mode, ActivationModeFromName(mode));
  FACET_TRY(auto session, Session::Open({.folder = from,
                                         .backend = backend,
                                         .threads = threads,
                                         .activations = activation_mode,
                                         .max_soft_tokens = max_soft_tokens}));
  for (const std::string& warning : session->warnings()) {
    fmt::print(stderr, "facet: warning: {}\n", warning);
  }
  return session;
}

}  // namespace facet::cli
