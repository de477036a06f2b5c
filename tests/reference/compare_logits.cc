// facet's logits against transformers' (scripts/compare_transformers.py), for full-width models
// that no test could hold.
//
// Usage: compare_logits CASES BACKEND BF16_FOLDER [NVFP4_FOLDER]
//
// Prints a table, and closes with "N passed, N failed". Checked is the BF16 folder, which
// transformers read too. The NVFP4 folder that it was dequantized from is only reported: there
// weights are not rounded to BF16. Exit code: 0, 1 if a check failed, 2 if it could not be
// computed.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "reference/logit_difference.h"
#include "reference/reference_case.h"
#include "testing/tiny_model.h"

namespace facet::testing {
namespace {

/// Allowed relative error, and least share of decided positions with the same most probable token.
constexpr double kLargestError = 1.5e-2;
constexpr double kSameTop = 0.99;
/// Longest chunk of a prompt without media: short enough for the rings of sliding layers to come
/// round.
constexpr int64_t kChunk = 512;

struct Checks {
  int passed = 0;
  int failed = 0;
  void Check(bool holds, const std::string& what) {
    ++(holds ? passed : failed);
    if (!holds) fmt::print("FAILED: {}\n", what);
  }
};

/// What is compared, summed over the cases.
struct Totals {
  LogitDifference exact, rounded, theirs, quantized;
};

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.2f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

void PrintRow(const std::string& name, const std::string& logits, const std::string& reference,
              const LogitDifference& d) {
  fmt::print("{:8} {:18} {:13} {:6} {:10.2e} {:>9} {:>9} {:>9}\n", name, logits, reference,
             d.positions, d.relative_error(), Percent(d.same_top, d.positions),
             Percent(d.decided, d.positions), Percent(d.decided_same_top, d.decided));
}

void PrintTotals(const Totals& totals) {
  PrintRow("all", "facet, BF16", "float32", totals.exact);
  PrintRow("all", "facet, BF16", "BF16", totals.rounded);
  PrintRow("all", "transformers, BF16", "float32", totals.theirs);
  if (totals.quantized.positions > 0) PrintRow("all", "facet, NVFP4", "float32", totals.quantized);
}

std::vector<float> LogitsOf(const LoadedModel& loaded, const TestPrompt& prompt) {
  std::vector<int64_t> cuts;
  const auto tokens = static_cast<int64_t>(prompt.tokens.size());
  for (int64_t cut = kChunk; prompt.media.empty() && cut < tokens; cut += kChunk)
    cuts.push_back(cut);
  return AllLogits(loaded, prompt, cuts);
}

/// The folder that transformers read: reported and checked.
void CheckFolder(const LoadedModel& loaded, const ReferenceCase& reference, ThreadPool& threads,
                 Checks& checks, Totals& totals) {
  const int64_t vocabulary = loaded.model().config().vocabulary;
  const std::vector<float> logits = LogitsOf(loaded, reference.prompt());
  const std::span<const float> ours = logits;
  const auto exact = Difference(ours, reference.exact(), vocabulary, threads);
  const auto rounded = Difference(ours, reference.rounded(), vocabulary, threads);
  const auto theirs = Difference(reference.rounded(), reference.exact(), vocabulary, threads);
  const std::string& name = reference.name();
  PrintRow(name, "facet, BF16", "float32", exact);
  PrintRow(name, "facet, BF16", "BF16", rounded);
  PrintRow(name, "transformers, BF16", "float32", theirs);
  totals.exact.Add(exact);
  totals.rounded.Add(rounded);
  totals.theirs.Add(theirs);
  checks.Check(exact.relative_error() <= kLargestError, name + ": error against float32");
  checks.Check(rounded.relative_error() <= kLargestError, name + ": error against BF16");
  checks.Check(exact.relative_error() < theirs.relative_error(),
               name + ": nearer to float32 than transformers in BF16");
  checks.Check(exact.decided > 0 && static_cast<double>(exact.decided_same_top) >=
                                        kSameTop * static_cast<double>(exact.decided),
               name + ": most probable tokens where float32 decides");
  // Once more in whole, where it is cheap: same input, same bits.
  if (static_cast<int64_t>(reference.prompt().tokens.size()) > kChunk) return;
  const std::vector<float> again = LogitsOf(loaded, reference.prompt());
  checks.Check(std::memcmp(logits.data(), again.data(), logits.size() * sizeof(float)) == 0,
               name + ": the same bits when computed again");
}

void ReportFolder(const LoadedModel& loaded, const ReferenceCase& reference, ThreadPool& threads,
                  Totals& totals) {
  const std::vector<float> logits = LogitsOf(loaded, reference.prompt());
  const auto quantized = Difference(std::span<const float>(logits), reference.exact(),
                                    loaded.model().config().vocabulary, threads);
  PrintRow(reference.name(), "facet, NVFP4", "float32", quantized);
  totals.quantized.Add(quantized);
}

std::vector<std::filesystem::path> CaseFiles(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  if (files.empty()) throw std::runtime_error(folder.string() + " holds no cases");
  std::ranges::sort(files);
  return files;
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3 && arguments.size() != 4) {
    fmt::print(stderr, "Usage: compare_logits CASES BACKEND BF16_FOLDER [NVFP4_FOLDER]\n");
    return 2;
  }
  const std::vector<std::filesystem::path> files = CaseFiles(arguments[0]);
  ThreadPool threads(ThreadPool::UsableProcessors());
  Checks checks;
  Totals totals;
  fmt::print("{:8} {:18} {:13} {:>6} {:>10} {:>9} {:>9} {:>9}\n", "case", "logits", "reference",
             "tokens", "error", "same top", "decided", "same");
  // One model at a time: both may not fit in a card's memory.
  for (size_t i = 2; i < arguments.size(); ++i) {
    const LoadedModel loaded(arguments[i], arguments[1]);
    for (const std::filesystem::path& file : files) {
      const ReferenceCase reference(file, loaded.model().config());
      if (i == 2) {
        CheckFolder(loaded, reference, threads, checks, totals);
      } else {
        ReportFolder(loaded, reference, threads, totals);
      }
    }
  }
  PrintTotals(totals);
  fmt::print("{} passed, {} failed\n", checks.passed, checks.failed);
  return checks.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace facet::testing

int main(int argc, char** argv) {
  try {
    return facet::testing::Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "compare_logits: {}\n", error.what());
    return 2;
  }
}
