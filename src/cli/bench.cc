// facet bench: how fast a model is on this device, beside what the device could do at most.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/stopwatch.h"
#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/session_flags.h"
#include "cli/streams.h"

namespace facet::cli {
namespace {

struct Options {
  SessionFlags session;
  SpeedOptions speed;
  std::vector<std::string> only = {"prefill", "decode", "first-token"};
  std::optional<int64_t> chunk;
  std::optional<int64_t> context;
  bool json = false;
};

constexpr const char* kFooter =
    "prefill N: a prompt of N tokens, to its last token's logits. decode N at D, batch B: B "
    "sequences that hold D\n"
    "tokens get N more each, to the likeliest token of each. first token: the engine's answer to a "
    "prompt, to its\n"
    "first token. Every line is a median with the slowest and the fastest repetition. The cache of "
    "decode tests is\n"
    "filled with random numbers, which takes no longer to read than others.\n\n"
    "GB/s counts the weights once a step and the cached rows that are seen; TFLOP/s two operations "
    "a weight and token,\n"
    "and attention. The shares are of what this device reads and multiplies at most, measured "
    "first (docs/performance.md\n"
    "has the formulas). What does not fit the context or the memory is left out and says so. "
    "Ctrl-C ends with what was\n"
    "measured.\n\n"
    "Examples:\n"
    "  facet bench models/tiny\n"
    "  facet bench /tmp/synth12b --prompts 2048 --depths 1024 --batches 1,64\n"
    "  facet bench /tmp/synth12b --only decode --depths 131072 --decode-tokens 32 --json";

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, length};
}

/// What is left beside the weights. On hosts they are mapped, and count as available.
int64_t MemoryBesideWeights(const Session& session, const CheckpointSummary& summary) {
  Backend& backend = session.model().backend();
  const bool mapped = backend.PlacedBytes(Bf16Matrix{1, 1, nullptr}) == 0;
  return backend.AvailableMemory() - (mapped ? summary.bytes : 0);
}

SpeedOptions SpeedOptionsOf(const Options& options, const Session& session,
                            const CheckpointSummary& summary) {
  SpeedOptions speed = options.speed;
  const ModelConfig& config = session.config();
  speed.context = std::min(options.context.value_or(config.max_positions), config.max_positions);
  speed.chunk = options.chunk.value_or(session.model().backend().full_step_tokens());
  speed.memory = MemoryBesideWeights(session, summary);
  const auto wanted = [&](const char* phase) {
    return std::ranges::find(options.only, phase) != options.only.end();
  };
  if (!wanted("prefill")) speed.prompts.clear();
  if (!wanted("decode")) speed.depths.clear();
  if (!wanted("first-token")) speed.first_token_prompt = 0;
  return speed;
}

Result<int> Run(const Options& options) {
  IgnoreBrokenPipes();
  const InterruptGuard interrupt;
  const Stopwatch stopwatch;
  FACET_TRY(const auto session, options.session.Open());
  const double load_seconds = stopwatch.seconds();
  const CheckpointSummary summary = Summarize(session->checkpoint());
  FACET_TRY(const DeviceLimits limits,
            MeasureDeviceLimits(options.session.compute.backend, options.session.compute.threads));
  SpeedOptions speed = SpeedOptionsOf(options, *session, summary);
  const BenchSetting setting{*session, summary, limits, std::move(speed), Now(), load_seconds};

  bool written = options.json || WriteNow(BenchHeading(setting));
  std::vector<SpeedResult> results;
  const auto on_result = [&](const SpeedResult& result) {
    results.push_back(result);
    if (!options.json) written = written && WriteNow(BenchLine(setting, result));
  };
  FACET_RETURN_IF_ERROR(MeasureSpeed(session->model(), session->activations(),
                                     WeightCostOf(summary), setting.options, on_result,
                                     TerminalProgress(), interrupt.interrupted()));
  if (options.json) written = WriteNow(JsonText(BenchJson(setting, results)) + "\n");
  if (!written) return tl::unexpected<Error>(OutputError());
  return interrupt.interrupted() ? kExitCancelled : kExitOk;
}

void AddLists(CLI::App& command, Options& options) {
  constexpr int64_t kMostPositions = int64_t{1} << 24;
  command.add_option("--prompts", options.speed.prompts, "Lengths of prompts for prefill")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, kMostPositions))
      ->capture_default_str();
  command
      .add_option("--depths", options.speed.depths, "Tokens in the cache before decoding begins")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{0}, kMostPositions))
      ->capture_default_str();
  command.add_option("--batches", options.speed.batches, "Sequences that are decoded together")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{4096}))
      ->capture_default_str();
  command.add_option("--only", options.only, "Which tests: prefill, decode, first-token")
      ->delimiter(',')
      ->check(CLI::IsMember({"prefill", "decode", "first-token"}))
      ->capture_default_str();
}

void AddNumbers(CLI::App& command, Options& options) {
  constexpr int64_t kMany = int64_t{1} << 20;
  const auto add = [&](const char* name, int64_t& value, const char* help) {
    command.add_option(name, value, help)
        ->check(CLI::Range(int64_t{1}, kMany))
        ->capture_default_str();
  };
  add("--decode-tokens", options.speed.decode_tokens, "Tokens that each sequence gets");
  add("--first-token-prompt", options.speed.first_token_prompt,
      "Length of the prompt for the time to the first token");
  add("--repetitions", options.speed.repetitions, "Repetitions of each test; odd is best");
  command
      .add_option("--chunk", options.chunk,
                  "Tokens of a prompt in one step (default: what the backend runs well)")
      ->check(CLI::Range(int64_t{1}, kMany));
  command
      .add_option("--context", options.context,
                  "Most positions of a sequence: longer tests are left out (default: what the "
                  "model has)")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 40));
}

}  // namespace

void RegisterBench(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure: prefill, decode and first token, against the device's limits");
  options->session.AddTo(*command);
  AddLists(*command, *options);
  AddNumbers(*command, *options);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
