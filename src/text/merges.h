// Byte-pair merging: which neighbouring tokens join to which, and the algorithm that applies the
// merges in order of rank. Works on ids alone; knows no text.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace facet {

/// Immutable after construction.
class MergeTable {
 public:
  struct Rule {
    int32_t left = 0;
    int32_t right = 0;
    int32_t result = 0;
  };

  MergeTable() = default;

  /// `rules` in order of rank: an earlier rule is applied first. Where a pair occurs twice, the
  /// later rule counts. kResource for rules that were made to collide in the table.
  static Result<MergeTable> Build(std::span<const Rule> rules);

  /// Applies the rules to `symbols` until none fits, always the one of lowest rank, the leftmost
  /// place on ties, and appends what remains to `out`. O(n log n) time, O(n) memory.
  void Apply(std::span<const int32_t> symbols, std::vector<int32_t>& out) const;

 private:
  struct Slot {
    int32_t left = -1;  // -1: an empty slot
    int32_t right = 0;
    int32_t rank = 0;
    int32_t result = 0;
  };
  class Word;

  static size_t HashOf(int32_t left, int32_t right);
  /// The slot of a pair: where it is, or the empty one where it belongs. Null beyond `limit`
  /// probes.
  const Slot* FindSlot(int32_t left, int32_t right, size_t limit) const;
  /// The rule for a pair, or null.
  const Slot* Find(int32_t left, int32_t right) const;

  // Open addressing, a power of two in size and at most half full: the lookup is the inner loop of
  // Apply, and a real file has half a million rules.
  std::vector<Slot> slots_;
  size_t longest_probe_ = 0;
};

}  // namespace facet
