// The options that say where a command computes, the same for every command that has them.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace facet::cli {

struct ComputeFlags {
  std::string backend = "auto";  ///< MakeBackend()'s names
  int threads = 0;               ///< 0: every processor this process may use

  /// --backend and --threads.
  void AddTo(CLI::App& command);
  /// --threads alone, for work that has one backend.
  void AddThreadsTo(CLI::App& command);

  /// --threads, with 0 resolved.
  int PoolSize() const;
};

}  // namespace facet::cli
