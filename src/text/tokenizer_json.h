// Reads the JSON of a tokenizer.json in one pass: the two big tables straight into vectors,
// everything else into a small document. Says nothing about what the parts mean: tokenizer_parts.h
// does.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "text/vocabulary.h"

namespace facet {

struct TokenizerJson {
  std::vector<Vocabulary::Entry> vocabulary;                ///< model.vocab, in file order
  std::vector<std::pair<std::string, std::string>> merges;  ///< model.merges, in order of rank
  nlohmann::json rest;                                      ///< the document without those two
};

/// Limits on what a file may ask for; a real one has depth 6, 51,600 values and 514,906 merges.
struct TokenizerJsonLimits {
  static constexpr int kDepth = 32;
  static constexpr size_t kValues = 1'000'000;
  static constexpr size_t kMerges = size_t{1} << 22;
};

/// kInvalidData for text that is not JSON or whose tables have another shape, kResource beyond a
/// limit.
Result<TokenizerJson> ReadTokenizerJson(std::string_view text);

}  // namespace facet
