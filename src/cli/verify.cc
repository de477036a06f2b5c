// facet verify: every static fact of a checkpoint, and its distance from the BF16 original.
#include <cmath>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "checkpoint/reference_check.h"
#include "checkpoint/static_check.h"
#include "checkpoint/summary.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/numbers.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string folder;
  std::string reference;
  bool json = false;
};

/// The answer of both checks.
struct Verdict {
  StaticReport report;
  std::optional<ReferenceReport> comparison;
  Findings findings;  // of both
};

/// JSON has no infinity: an exact copy has no finite ratio.
Json FiniteOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json ErrorJson(const TensorError& error) {
  return {{"name", error.name},
          {"relative_rms_error", FiniteOrNull(error.relative_rms)},
          {"max_abs_error", FiniteOrNull(error.max_abs)},
          {"sqnr_db", FiniteOrNull(error.SqnrDb())},
          {"reference_rms", FiniteOrNull(error.reference_rms)}};
}

Json VerdictJson(const Checkpoint& checkpoint, const Verdict& verdict) {
  const Findings& findings = verdict.findings;
  Json json = {{"path", checkpoint.folder().string()},
               {"format", NameOf(checkpoint.format())},
               {"ok", findings.Count(Severity::kError) == 0},
               {"errors", findings.Count(Severity::kError)},
               {"warnings", findings.Count(Severity::kWarning)},
               {"tensors", verdict.report.tensors},
               {"parameters", verdict.report.parameters},
               {"linears", verdict.report.linears},
               {"quantized_linears", verdict.report.quantized_linears},
               {"findings", Json::array()}};
  for (const Finding& finding : findings.list()) {
    json["findings"].push_back({{"severity", NameOf(finding.severity)},
                                {"code", finding.code},
                                {"subject", finding.subject},
                                {"message", finding.message}});
  }
  json["reference"] = nullptr;
  if (verdict.comparison) {
    json["reference"] = {{"identical_tensors", verdict.comparison->identical_tensors},
                         {"total", ErrorJson(verdict.comparison->total)},
                         {"tensor_errors", Json::array()}};
    for (const TensorError& error : verdict.comparison->errors) {
      json["reference"]["tensor_errors"].push_back(ErrorJson(error));
    }
  }
  return json;
}

void PrintFindings(const Findings& findings) {
  for (const Severity severity : {Severity::kError, Severity::kWarning, Severity::kInfo}) {
    for (const Finding& finding : findings.list()) {
      if (finding.severity != severity) continue;
      fmt::print("{:<8}{}  {}: {}\n", NameOf(severity), finding.code, finding.subject,
                 finding.message);
    }
  }
}

void PrintErrorRow(const TensorError& error) {
  fmt::print("  {:>9.5f}{:>11.3g}{:>9.2f}  {}\n", error.relative_rms, error.max_abs, error.SqnrDb(),
             error.name);
}

void PrintComparison(const ReferenceReport& comparison) {
  fmt::print("\nAgainst the reference: {} tensors identical, {} quantized\n",
             Grouped(comparison.identical_tensors),
             Grouped(static_cast<int64_t>(comparison.errors.size())));
  if (comparison.errors.empty()) return;
  fmt::print("  {:>9}{:>11}{:>9}\n", "rel. RMS", "max |err|", "SQNR dB");
  for (const TensorError& error : comparison.errors) PrintErrorRow(error);
  PrintErrorRow(comparison.total);
}

void PrintVerdict(const Checkpoint& checkpoint, const Verdict& verdict) {
  fmt::print("{}: {}, {} tensors, {} parameters, {} of {} linears quantized\n\n",
             checkpoint.folder().string(), DescriptionOf(checkpoint.format()),
             Grouped(verdict.report.tensors), Grouped(verdict.report.parameters),
             verdict.report.quantized_linears, verdict.report.linears);
  PrintFindings(verdict.findings);
  if (verdict.comparison) PrintComparison(*verdict.comparison);
  fmt::print("\n{} errors, {} warnings\n", verdict.findings.Count(Severity::kError),
             verdict.findings.Count(Severity::kWarning));
}

Result<int> Verify(const Options& options) {
  FACET_TRY(const Checkpoint checkpoint, Checkpoint::Open(options.folder));
  std::optional<Checkpoint> reference;
  if (!options.reference.empty()) {
    FACET_TRY(reference, Checkpoint::Open(options.reference));
  }
  const ProgressFn progress = TerminalProgress();
  Verdict verdict;
  verdict.report = CheckCheckpoint(checkpoint, progress);
  verdict.findings = verdict.report.findings;
  if (reference) {
    FACET_TRY(verdict.comparison, CompareWithReference(checkpoint, *reference, progress));
    verdict.findings.Append(verdict.comparison->findings);
  }
  if (options.json) {
    fmt::print("{}\n", JsonText(VerdictJson(checkpoint, verdict)));
  } else {
    PrintVerdict(checkpoint, verdict);
  }
  return verdict.findings.Count(Severity::kError) == 0 ? kExitOk : kExitFindings;
}

}  // namespace

void RegisterVerify(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("verify", "Check every fact of a checkpoint that needs no forward pass");
  command->add_option("folder", options->folder, "The checkpoint's folder")->required();
  command->add_option("--reference", options->reference,
                      "The BF16 checkpoint it was made from: adds the error of each tensor");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Examples:\n"
      "  facet verify models/tiny\n"
      "  facet verify /tmp/tiny-nvfp4 --reference models/tiny --json\n\n"
      "Exit codes: 0 no errors (warnings do not count), 1 errors found, 3 a file is missing, 4 not "
      "readable,\n5 a file is malformed, 6 another architecture or format.");
  command->callback([options, &action] { action = [options] { return Verify(*options); }; });
}

}  // namespace facet::cli
