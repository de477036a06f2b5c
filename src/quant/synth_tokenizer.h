// The tokenizer of a synthetic checkpoint: the ids that the model gives a meaning, 256 byte tokens,
// and pieces with merges that are made up. docs/synth.md, "The tokenizer".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace facet {

/// A piece whose id is given.
struct SynthPiece {
  int32_t id = 0;
  std::string piece;
};

struct SynthVocabulary {
  int32_t size = 0;
  int32_t first_byte = 0;           ///< id of <0x00>; the other byte tokens follow
  std::vector<SynthPiece> special;  ///< added tokens, found in text as a whole
  std::vector<SynthPiece> plain;    ///< line breaks and U+2581, where they have ids of their own
};

/// The text of a tokenizer.json with exactly `size` pieces. Free ids below `first_byte` are
/// "<unusedN>", which no text becomes; the others are filled in order. The same for the same
/// arguments. `size` holds at least the given pieces, the byte tokens and 1,000 more.
std::string SynthTokenizerJson(const SynthVocabulary& vocabulary, uint64_t seed);

}  // namespace facet
