// facet inspect: a checkpoint, or one weight file, at a glance. Reads headers, no contents.
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/inspect_report.h"
#include "cli/json_text.h"
#include "model/route_needs.h"

namespace facet::cli {
namespace {

struct Options {
  std::string path;
  bool json = false;
};

Result<int> InspectFile(const Options& options) {
  FACET_TRY(const MappedFile file, MappedFile::Open(options.path));
  FACET_TRY(const SafetensorsHeader header, SafetensorsHeader::Parse(file.bytes(), options.path));
  if (options.json) {
    fmt::print("{}\n", JsonText(HeaderJson(options.path, header)));
  } else {
    fmt::print("{}", HeaderText(options.path, header));
  }
  return kExitOk;
}

InspectedMemory MemoryOf(const Checkpoint& checkpoint, Backend& backend) {
  const ModelConfig& config = checkpoint.config();
  const KvCacheOptions longest{.slots = 1, .max_context = config.max_positions};
  const int64_t weights = PlacedWeightBytes(checkpoint, backend);
  const int64_t available = backend.AvailableMemory();
  return {.available = available,
          .plan = PlanMemory(config, backend, longest, weights),
          .largest_context = LargestContext(config, backend, longest, weights, available)};
}

Result<int> InspectFolder(const Options& options) {
  FACET_TRY(const Checkpoint checkpoint, Checkpoint::Open(options.path));
  const BackendChoice choice = ChooseBackend();
  const CheckpointSummary summary = Summarize(checkpoint);
  FACET_TRY(
      const std::vector<Route> routes,
      RoutesOf(choice.name, RouteNeedsOf(checkpoint.config(), summary, ActivationMode::kBf16)));
  FACET_TRY(const std::unique_ptr<Backend> backend, MakeBackend(choice.name));
  const Inspection inspection{checkpoint, summary, DetectDevice(),
                              choice,     routes,  MemoryOf(checkpoint, *backend)};
  if (options.json) {
    fmt::print("{}\n", JsonText(InspectionJson(inspection)));
  } else {
    fmt::print("{}", InspectionText(inspection));
  }
  return kExitOk;
}

Result<int> Inspect(const Options& options) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(options.path, ignored);
  return folder ? InspectFolder(options) : InspectFile(options);
}

}  // namespace

void RegisterInspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Show a checkpoint at a glance: sizes, what is quantized and why, the plan here");
  command->add_option("path", options->path, "A checkpoint's folder, or one .safetensors file")
      ->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Examples:\n"
      "  facet inspect models/tiny\n"
      "  facet inspect models/tiny/model-00001-of-00003.safetensors --json\n\n"
      "Exit codes: 0 done, 3 not found, 4 not readable, 5 malformed, 6 another architecture or "
      "format.");
  command->callback([options, &action] { action = [options] { return Inspect(*options); }; });
}

}  // namespace facet::cli
