// The options that say how an answer is generated, the same for run and chat.
#pragma once

#include <cstdint>
#include <optional>

#include <CLI/CLI.hpp>

#include "checkpoint/generation_config.h"
#include "engine/generator.h"

namespace facet::cli {

/// Absent values come from generation_config.json; an absent seed is drawn anew every time.
struct GenerationFlags {
  int64_t max_tokens = 4096;
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  std::optional<uint64_t> seed;
  std::optional<int64_t> context;

  /// --max-tokens, --temperature, --top-k, --top-p, --seed, --context.
  void AddTo(CLI::App& command);

  /// The checkpoint's defaults with these values over them. kUsage for impossible ones.
  Result<GenerationParams> Params(const GenerationConfig& config) const;
};

}  // namespace facet::cli
