// facet synth: a checkpoint of the model's size and shape, filled by a formula.
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/stopwatch.h"
#include "cli/command.h"
#include "cli/compute_flags.h"
#include "cli/export_command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/numbers.h"
#include "quant/synthesizer.h"

namespace facet::cli {
namespace {

struct Options {
  ExportFlags files;
  std::string like = "12b";
  std::string format = "nvfp4";
  std::optional<int64_t> layers;
  int64_t seed = 0;
  ComputeFlags compute;
};

constexpr const char* kFooter =
    "Names, shapes, types, configuration and vocabulary size are the model's; the numbers are not: "
    "the answers are\n"
    "noise. For measuring speed and memory, and for comparing programs on the same weights. Every "
    "number follows from\n"
    "the seed, the tensor's name and the index (docs/synth.md), so every machine makes the same "
    "files. The NVFP4 form\n"
    "is drawn as such: it is not the quantization of the BF16 form. The folder appears complete or "
    "not at all; it must\n"
    "not exist yet. With --json, one object on stdout: target, like, format, layers, seed, "
    "parameters, tensors,\n"
    "tensors_quantized, output_bytes, shards, seconds, warnings.\n\n"
    "Sizes: 12b 8.2 GB as nvfp4, 24 GB as bf16; with --layers 6 2.9 GB and 4.8 GB; tiny 8 and 16 "
    "MB.\n\n"
    "Examples:\n"
    "  facet synth --like 12b /tmp/synth12b\n"
    "  facet synth --like 12b /tmp/slice --format bf16 --layers 6\n"
    "  facet synth --like tiny /tmp/synth-tiny --seed 7 --json";

void PrintJson(const Options& options, const SynthModel& model, const SynthReport& report,
               double seconds) {
  nlohmann::ordered_json json;
  json["target"] = options.files.target;
  json["like"] = options.like;
  json["format"] = options.format;
  json["layers"] = report.layers;
  json["seed"] = options.seed;
  json["parameters"] = report.parameters;
  json["tensors"] = report.tensors;
  json["tensors_quantized"] = report.quantized;
  json["output_bytes"] = report.output_bytes;
  json["shards"] = report.shards;
  json["seconds"] = seconds;
  json["warnings"] = model.warnings;
  fmt::print("{}\n", JsonText(json));
}

void PrintText(const Options& options, const SynthReport& report, double seconds) {
  fmt::print("{}\n", options.files.target);
  fmt::print("  {:<14}like {}, {}, {} layers, seed {}: synthetic, it knows nothing\n", "model",
             options.like, options.format, report.layers, options.seed);
  fmt::print("  {:<14}{} parameters in {} tensors, {} linears in NVFP4\n", "weights",
             Grouped(report.parameters), report.tensors, report.quantized);
  fmt::print("  {:<14}{} in {} file{}\n", "size",
             HumanBytes(static_cast<uint64_t>(report.output_bytes)), report.shards,
             report.shards == 1 ? "" : "s");
  fmt::print("  {:<14}{:.1f} s, {}/s\n", "time", seconds,
             HumanBytes(static_cast<uint64_t>(static_cast<double>(report.output_bytes) / seconds)));
}

Result<int> Run(const Options& options) {
  const Stopwatch stopwatch;
  FACET_TRY(const SynthModel model, SynthModelLike(options.like, options.layers));
  ThreadPool threads(options.compute.PoolSize());
  const InterruptGuard interrupt;
  const RunControl control = TerminalControl(interrupt);
  const SynthOptions how{
      .format = options.format == "bf16" ? SynthFormat::kBf16 : SynthFormat::kNvfp4,
      .seed = static_cast<uint64_t>(options.seed),
      .max_shard_bytes = options.files.max_shard_bytes};
  FACET_TRY(const SynthReport report,
            SynthesizeCheckpoint(model, how, options.files.target, threads, control));
  const double seconds = stopwatch.seconds();
  for (const std::string& warning : model.warnings) {
    fmt::print(stderr, "facet: warning: {}\n", warning);
  }
  if (options.files.json) {
    PrintJson(options, model, report, seconds);
  } else {
    PrintText(options, report, seconds);
  }
  return kExitOk;
}

}  // namespace

void RegisterSynth(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("synth", "make a synthetic checkpoint of the model's exact shape");
  options->files.AddTargetTo(*command, "new folder for the checkpoint");
  command->add_option("--like", options->like, "whose shape: 12b, or tiny as models/tiny")
      ->capture_default_str();
  command->add_option("--format", options->format, "nvfp4 or bf16")
      ->check(CLI::IsMember({"nvfp4", "bf16"}))
      ->capture_default_str();
  command->add_option("--layers", options->layers,
                      "decoder layers, five sliding and one full in turn; the model's own number "
                      "without it");
  command->add_option("--seed", options->seed, "other numbers for another seed")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  options->compute.AddThreadsTo(*command);
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
