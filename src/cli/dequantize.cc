// facet dequantize: an NVFP4 checkpoint back to plain BF16.
#include <cstdio>
#include <memory>

#include "base/stopwatch.h"
#include "cli/command.h"
#include "cli/compute_flags.h"
#include "cli/export_command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "quant/dequantizer.h"

namespace facet::cli {
namespace {

struct Options {
  ExportFlags files;
  ComputeFlags compute;
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
  const Stopwatch stopwatch;
  FACET_TRY(const Checkpoint source, Checkpoint::Open(options.files.source));
  ThreadPool threads(options.compute.PoolSize());
  const InterruptGuard interrupt;
  const RunControl control = TerminalControl(interrupt);
  FACET_TRY(const ExportReport report,
            DequantizeCheckpoint(source, options.files.target, threads,
                                 options.files.max_shard_bytes, control));
  const double seconds = stopwatch.seconds();
  PrintWarnings(report);
  if (options.files.json) {
    const auto json = SummaryJson(report, "dequantized", options.files.target, seconds);
    fmt::print("{}\n", JsonText(json));
  } else {
    PrintSummary(report, "dequantized", options.files.target, seconds);
  }
  return kExitOk;
}

}  // namespace

void RegisterDequantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("dequantize", "make a plain BF16 checkpoint of an NVFP4 checkpoint");
  options->files.AddTo(*command, "folder of the NVFP4 checkpoint",
                       "new folder for the BF16 checkpoint");
  options->compute.AddThreadsTo(*command);
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
