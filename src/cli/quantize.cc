// facet quantize: a BF16 checkpoint to NVFP4.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/stopwatch.h"
#include "cli/command.h"
#include "cli/compute_flags.h"
#include "cli/export_command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "kernels/backend_factory.h"
#include "quant/calibrate.h"
#include "quant/quantizer.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace facet::cli {
namespace {

/// 512 windows of 1,024 tokens are about 2.5 MB of text; the limit keeps a wrong file from filling
/// the memory.
constexpr size_t kMaxTextBytes = size_t{256} << 20;

struct Options {
  ExportFlags files;
  ComputeFlags compute;
  std::string calibration;
  int64_t samples = 512;
  int64_t sequence_length = 1024;
  int64_t batch_size = 4;
  std::string profile = "mul_rcp";
  std::string compat = "0.45";
};

constexpr const char* kFooter =
    "The new folder appears complete or not at all; it must not exist yet. The same inputs give "
    "the same files.\n"
    "What is written, byte by byte: docs/quantization.md. With --json, one object on stdout: "
    "target,\n"
    "tensors_quantized, tensors_kept, source_bytes, output_bytes, compression, shards, seconds, "
    "warnings,\n"
    "exclude_modules, calibration {text, sequences, tokens, sequence_length}, profile, compat, "
    "backend.\n\n"
    "Examples:\n"
    "  facet quantize models/tiny /tmp/tiny-nvfp4 --calibration models/tiny/calibration.txt\n"
    "  facet quantize models/tiny /tmp/quick --calibration models/tiny/calibration.txt "
    "--samples 16 --sequence-length 256\n"
    "  facet quantize gemma-4-12B-it gemma-4-12B-it-nvfp4 --calibration articles.txt --profile "
    "div --compat 0.44 --json";

/// Token windows, and what to tell about them.
struct CalibrationData {
  std::vector<std::vector<int32_t>> sequences;
  int64_t tokens = 0;
  int64_t sequence_length = 0;  ///< after the model's limit
  std::vector<std::string> notes;
};

Result<void> RequireCalibration(const Options& options) {
  if (!options.calibration.empty()) return {};
  return Fail(ErrorCode::kUsage,
              "--calibration TEXT is needed: NVFP4 activations have a fixed range for every layer, "
              "and only text that runs through the model tells it. Any plain text of the kind the "
              "model will see does; models/tiny/calibration.txt is an example");
}

/// A model that has a BOS token never sees text without it: its chat template begins with one. So
/// every window does, whether or not the tokenizer's own file would add it.
std::optional<int32_t> BosOf(const Tokenizer& tokenizer, const ModelConfig& config) {
  const std::optional<int32_t> bos = tokenizer.bos_id();
  return bos ? bos : config.tokens.bos;
}

Result<CalibrationData> LoadCalibration(const Options& options, const Checkpoint& source) {
  FACET_TRY(const std::string text, ReadFile(options.calibration, kMaxTextBytes));
  if (!IsValidUtf8(text)) {
    return Fail(ErrorCode::kInvalidData, "{}: not UTF-8 text", options.calibration);
  }
  FACET_TRY(const Tokenizer tokenizer, Tokenizer::Load(source.folder()));
  const std::vector<int32_t> ids = tokenizer.Encode(text);
  if (ids.empty()) return Fail(ErrorCode::kUsage, "{}: no text in it", options.calibration);

  CalibrationData data;
  data.sequence_length = std::min(options.sequence_length, source.config().max_positions);
  if (data.sequence_length < options.sequence_length) {
    data.notes.push_back(
        fmt::format("--sequence-length {} is more than the model's {} positions: "
                    "{} used",
                    options.sequence_length, data.sequence_length, data.sequence_length));
  }
  data.sequences = CutIntoWindows(ids, {.samples = options.samples,
                                        .sequence_length = data.sequence_length,
                                        .bos = BosOf(tokenizer, source.config())});
  for (const auto& sequence : data.sequences) data.tokens += static_cast<int64_t>(sequence.size());
  if (static_cast<int64_t>(data.sequences.size()) < options.samples) {
    data.notes.push_back(fmt::format("{} holds text for {} of {} samples: all of it is used",
                                     options.calibration, data.sequences.size(), options.samples));
  }
  return data;
}

Nvfp4Profile ProfileOf(const Options& options) {
  return {.division = options.profile == "div" ? DivisionProfile::kDiv : DivisionProfile::kMulRcp,
          .compat = options.compat == "0.44" ? ModeloptCompat::k044 : ModeloptCompat::k045};
}

void PrintJson(const Options& options, std::string_view backend, const CalibrationData& data,
               const ExportReport& report, double seconds) {
  auto json = SummaryJson(report, "quantized", options.files.target, seconds);
  json["exclude_modules"] = report.exclude;
  json["calibration"] = {{"text", options.calibration},
                         {"sequences", data.sequences.size()},
                         {"tokens", data.tokens},
                         {"sequence_length", data.sequence_length}};
  json["profile"] = options.profile;
  json["compat"] = options.compat;
  json["backend"] = backend;
  fmt::print("{}\n", JsonText(json));
}

void PrintText(const Options& options, std::string_view backend, const CalibrationData& data,
               const ExportReport& report, double seconds) {
  PrintSummary(report, "quantized", options.files.target, seconds);
  fmt::print("  {:<14}{} tokens in {} sequences of up to {}\n", "calibration", data.tokens,
             data.sequences.size(), data.sequence_length);
  fmt::print("  {:<14}profile {}, compat {}, backend {}\n", "arithmetic", options.profile,
             options.compat, backend);
}

Result<int> Run(const Options& options) {
  const Stopwatch stopwatch;
  FACET_RETURN_IF_ERROR(RequireCalibration(options));
  FACET_TRY(const Checkpoint source, Checkpoint::Open(options.files.source));
  FACET_TRY(const std::unique_ptr<Backend> backend,
            MakeBackend(options.compute.backend, options.compute.threads));
  FACET_TRY(const CalibrationData data, LoadCalibration(options, source));
  for (const std::string& note : data.notes) fmt::print(stderr, "facet: note: {}\n", note);

  const InterruptGuard interrupt;
  const RunControl control = TerminalControl(interrupt);
  FACET_TRY(const ExportReport report,
            QuantizeCheckpoint(source, options.files.target, data.sequences, *backend,
                               {.profile = ProfileOf(options),
                                .batch_size = options.batch_size,
                                .max_shard_bytes = options.files.max_shard_bytes},
                               control));
  const double seconds = stopwatch.seconds();
  PrintWarnings(report);
  if (options.files.json) {
    PrintJson(options, backend->name(), data, report, seconds);
  } else {
    PrintText(options, backend->name(), data, report, seconds);
  }
  return kExitOk;
}

}  // namespace

void RegisterQuantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("quantize", "make an NVFP4 checkpoint of a BF16 checkpoint");
  options->files.AddTo(*command, "folder of the BF16 checkpoint",
                       "new folder for the NVFP4 checkpoint");
  command->add_option("--calibration", options->calibration,
                      "plain text that is run through the model to find activation ranges");
  command->add_option("--samples", options->samples, "most windows of text to run")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str();
  command
      ->add_option("--sequence-length", options->sequence_length,
                   "tokens in a window, BOS included")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--batch-size", options->batch_size, "windows run at a time")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  command
      ->add_option("--profile", options->profile,
                   "rounding of amax / 2688: div as on a CPU, mul_rcp as on a GPU")
      ->check(CLI::IsMember({"div", "mul_rcp"}))
      ->capture_default_str();
  command
      ->add_option("--compat", options->compat,
                   "modelopt release whose bytes to write: 0.44, or 0.45 and later")
      ->check(CLI::IsMember({"0.44", "0.45"}))
      ->capture_default_str();
  options->compute.AddTo(*command);
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
