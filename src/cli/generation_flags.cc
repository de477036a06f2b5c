#include "cli/generation_flags.h"

#include <random>

namespace facet::cli {
namespace {

/// A seed nobody chose, short enough to type again.
uint64_t DrawSeed() { return std::random_device{}(); }

}  // namespace

void GenerationFlags::AddTo(CLI::App& command) {
  command.add_option("--max-tokens", max_tokens, "Most tokens of an answer, thinking included")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command.add_option("--temperature", temperature, "0: greedy (default: generation_config.json)");
  command.add_option("--top-k", top_k, "Likeliest tokens to choose among; 0: all");
  command.add_option("--top-p", top_p, "Share of probability to choose among, in (0, 1]");
  command.add_option("--seed", seed, "Number that the random choices depend on (default: drawn)");
  command
      .add_option("--context", context,
                  "Most tokens of prompt and answer together (default: what the model has)")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 40));
}

Result<GenerationParams> GenerationFlags::Params(const GenerationConfig& config) const {
  GenerationParams params = GenerationDefaults(config);
  params.max_tokens = max_tokens;
  params.sampling.temperature = temperature.value_or(params.sampling.temperature);
  params.sampling.top_k = top_k.value_or(params.sampling.top_k);
  params.sampling.top_p = top_p.value_or(params.sampling.top_p);
  params.sampling.seed = seed ? *seed : DrawSeed();
  FACET_RETURN_IF_ERROR(CheckSampling(params.sampling));
  return params;
}

}  // namespace facet::cli
