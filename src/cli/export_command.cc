#include "cli/export_command.h"

#include <cstdio>

#include <fmt/format.h>

#include "base/file.h"

namespace facet::cli {
namespace {

/// Source bytes per output byte.
double Compression(const ExportReport& report) {
  return static_cast<double>(report.source_bytes) / static_cast<double>(report.output_bytes);
}

std::string Human(int64_t bytes) { return HumanBytes(static_cast<uint64_t>(bytes)); }

}  // namespace

void ExportFlags::AddTo(CLI::App& command, const std::string& from, const std::string& to) {
  command.add_option("source", source, from)->required();
  AddTargetTo(command, to);
}

void ExportFlags::AddTargetTo(CLI::App& command, const std::string& to) {
  command.add_option("target", target, to)->required();
  command.add_option("--max-shard-size", max_shard_bytes, "bytes of weights in one file at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 50))
      ->capture_default_str();
  command.add_flag("--json", json, "print the result as JSON");
}

void PrintWarnings(const ExportReport& report) {
  for (const std::string& warning : report.warnings) {
    fmt::print(stderr, "facet: warning: {}\n", warning);
  }
}

void PrintSummary(const ExportReport& report, std::string_view verb, const std::string& target,
                  double seconds) {
  fmt::print("{}\n", target);
  fmt::print("  {:<14}{} linears {}, {} tensors kept as they are\n", "tensors", report.converted,
             verb, report.kept);
  fmt::print("  {:<14}{} -> {} ({:.2f}x), {} file{}\n", "weights", Human(report.source_bytes),
             Human(report.output_bytes), Compression(report), report.shards,
             report.shards == 1 ? "" : "s");
  if (!report.exclude.empty()) {
    fmt::print("  {:<14}{}\n", "excluded", fmt::join(report.exclude, ", "));
  }
  fmt::print("  {:<14}{:.1f} s\n", "time", seconds);
}

nlohmann::ordered_json SummaryJson(const ExportReport& report, std::string_view verb,
                                   const std::string& target, double seconds) {
  nlohmann::ordered_json json;
  json["target"] = target;
  json[fmt::format("tensors_{}", verb)] = report.converted;
  json["tensors_kept"] = report.kept;
  json["source_bytes"] = report.source_bytes;
  json["output_bytes"] = report.output_bytes;
  json["compression"] = Compression(report);
  json["shards"] = report.shards;
  json["seconds"] = seconds;
  json["warnings"] = report.warnings;
  return json;
}

}  // namespace facet::cli
