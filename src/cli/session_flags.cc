#include "cli/session_flags.h"

#include <cstdio>

namespace facet::cli {

void SessionFlags::AddTo(CLI::App& command) {
  command.add_option("DIR", folder, "Checkpoint folder")->required();
  command.add_option("--activations", activations,
                     "Inputs of NVFP4 linears: bf16 (W4A16, unquantized) or nvfp4 (W4A4, with the "
                     "checkpoint's input scales)");
  command.add_flag("--require-native", require_native,
                   "Refuse if any kind of layer is computed by other units than those made for its "
                   "numbers (facet inspect lists the routes)");
  compute.AddTo(command);
}

void SessionFlags::AddImageBudgetTo(CLI::App& command) {
  command
      .add_option("--max-soft-tokens", max_soft_tokens,
                  "Tokens that an image may fill: 70, 140, 280, 560 or 1120 (default: the "
                  "checkpoint's)")
      ->check(CLI::IsMember({70, 140, 280, 560, 1120}));
}

Result<std::unique_ptr<Session>> SessionFlags::Open(const std::string& from,
                                                    const std::string& mode,
                                                    std::optional<int64_t> context) const {
  FACET_TRY(const ActivationMode activation_mode, ActivationModeFromName(mode));
  FACET_TRY(auto session, Session::Open({.folder = from,
                                         .backend = compute.backend,
                                         .threads = compute.threads,
                                         .activations = activation_mode,
                                         .max_soft_tokens = max_soft_tokens,
                                         .context = context,
                                         .require_native = require_native}));
  for (const std::string& warning : session->warnings()) {
    fmt::print(stderr, "facet: warning: {}\n", warning);
  }
  return session;
}

void PrintRoutes(const Session& session) {
  for (const Route& route : session.routes()) fmt::print(stderr, "facet: {}\n", Describe(route));
}

}  // namespace facet::cli
