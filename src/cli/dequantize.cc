// facet dequantize: an NVFP4 checkpoint back to plain BF16.
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/export_summary.h"
#include "cli/interrupt.h"
#include "quant/dequantizer.h"

namespace facet::cli {
namespace {

struct Options {
  std::string source;
  std::string target;
  int threads = 0;
  int64_t max_shard_bytes = kDefaultMaxShardBytes;
  bool json = false;
};

constexpr const char* kFooter =
    "Reads both NVFP4 layouts (modelopt, compressed-tensors). Every weight is rounded once, to the "
    "nearest BF16;\n"
    "no file of the new folder mentions a quantization, so that transformers loads it as it is. "
    "The folder appears\n"
    "complete or not at all; it must not exist yet. With --json, one object on stdout: target, "
    "tensors_dequantized,\n"
    "tensors_kept, source_bytes, output_bytes, compression, shards, seconds, warnings.\n\n"
    "Examples:\n"
    "  facet dequantize /tmp/tiny-nvfp4 /tmp/tiny-bf16\n"
    "  facet dequantize gemma-4-12B-it-nvfp4 gemma-4-12B-it-from-nvfp4 --json";

Result<int> Run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  FACET_TRY(const Checkpoint source, Checkpoint::Open(options.source));
  ThreadPool threads(options.threads > 0 ? options.threads : ThreadPool::UsableProcessors());
  const InterruptGuard interrupt;
  const RunControl control{.progress = TerminalProgress(),
                           .cancelled = [&] { return interrupt.interrupted().load(); }};
  FACET_TRY(const ExportReport report, DequantizeCheckpoint(source, options.target, threads,
                                                            options.max_shard_bytes, control));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  PrintWarnings(report);
  if (options.json) {
    const auto json = SummaryJson(report, "dequantized", options.target, elapsed.count());
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    PrintSummary(report, "dequantized", options.target, elapsed.count());
  }
  return kExitOk;
}

}  // namespace

void RegisterDequantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("dequantize", "make a plain BF16 checkpoint of an NVFP4 checkpoint");
  command->add_option("source", options->source, "folder of the NVFP4 checkpoint")->required();
  command->add_option("target", options->target, "new folder for the BF16 checkpoint")->required();
  command->add_option("--threads", options->threads, "threads to use; 0: all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--max-shard-size", options->max_shard_bytes,
                   "bytes of weights in one file at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 50))
      ->capture_default_str();
  command->add_flag("--json", options->json, "print the result as JSON");
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
