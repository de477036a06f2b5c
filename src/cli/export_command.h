// What the commands that write a checkpoint share: options, and what they say when they are done.
#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "quant/quantizer.h"

namespace facet::cli {

struct ExportFlags {
  std::string source;  ///< of a command that has one
  std::string target;
  int64_t max_shard_bytes = kDefaultMaxShardBytes;
  bool json = false;

  /// source, target, --max-shard-size, --json; `from` and `to` say what the folders hold.
  void AddTo(CLI::App& command, const std::string& from, const std::string& to);
  /// The same without source.
  void AddTargetTo(CLI::App& command, const std::string& to);
};

/// Prints each warning to stderr.
void PrintWarnings(const ExportReport& report);

/// Prints the summary for people to stdout: `verb` is "quantized" or "dequantized".
void PrintSummary(const ExportReport& report, std::string_view verb, const std::string& target,
                  double seconds);

/// The summary's keys: target, tensors_<verb>, tensors_kept, source_bytes, output_bytes,
/// compression, shards, seconds, warnings.
nlohmann::ordered_json SummaryJson(const ExportReport& report, std::string_view verb,
                                   const std::string& target, double seconds);

}  // namespace facet::cli
