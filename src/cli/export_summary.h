// What quantize and dequantize say when they are done.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "quant/quantizer.h"

namespace facet::cli {

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
