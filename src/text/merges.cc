#include "text/merges.h"

#include <algorithm>
#include <bit>
#include <queue>

namespace facet {

namespace {

/// A half-full table of well-spread hashes needs some tens. A file whose merges need more was made
/// to make us slow.
constexpr size_t kMaxProbes = 1024;

}  // namespace

Result<MergeTable> MergeTable::Build(std::span<const Rule> rules) {
  MergeTable table;
  if (rules.empty()) return table;
  table.slots_.resize(std::bit_ceil(rules.size() * 2));
  int32_t rank = 0;
  for (const Rule& rule : rules) {
    const Slot* slot = table.FindSlot(rule.left, rule.right, kMaxProbes);
    if (slot == nullptr) return Fail(ErrorCode::kResource, "the merges collide with each other");
    const auto place = static_cast<size_t>(slot - table.slots_.data());
    const size_t probes = (place - HashOf(rule.left, rule.right)) & (table.slots_.size() - 1);
    table.longest_probe_ = std::max(table.longest_probe_, probes);
    table.slots_[place] = {rule.left, rule.right, rank++, rule.result};
  }
  return table;
}

size_t MergeTable::HashOf(int32_t left, int32_t right) {
  const uint64_t key = (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
  // Multiplicative hashing (Knuth, volume 3, section 6.4): 2^64 divided by the golden ratio.
  const uint64_t hash = key * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 32);
}

const MergeTable::Slot* MergeTable::FindSlot(int32_t left, int32_t right, size_t limit) const {
  const size_t mask = slots_.size() - 1;
  const size_t hash = HashOf(left, right);
  for (size_t probe = 0; probe <= limit; ++probe) {
    const Slot& slot = slots_[(hash + probe) & mask];
    if (slot.left == -1 || (slot.left == left && slot.right == right)) return &slot;
  }
  return nullptr;
}

const MergeTable::Slot* MergeTable::Find(int32_t left, int32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot* slot = FindSlot(left, right, longest_probe_);
  return slot == nullptr || slot->left == -1 ? nullptr : slot;
}

/// One text being merged: a linked list of symbols, and a heap of the merges that are possible now.
class MergeTable::Word {
 public:
  Word(const MergeTable& table, std::span<const int32_t> ids) : table_(table) {
    const auto count = static_cast<int64_t>(ids.size());
    symbols_.reserve(ids.size());
    for (int64_t i = 0; i < count; ++i) {
      symbols_.push_back({.id = ids[static_cast<size_t>(i)],
                          .previous = i - 1,
                          .next = i + 1 < count ? i + 1 : kNone});
    }
    std::vector<Candidate> candidates;
    for (int64_t i = 0; i + 1 < count; ++i) AddCandidate(i, candidates);
    heap_ = Heap(Later{}, std::move(candidates));  // linear, unlike pushing one by one
  }

  void Run() {
    std::vector<Candidate> found;
    while (!heap_.empty()) {
      const Candidate best = heap_.top();
      heap_.pop();
      if (!StillThere(best)) continue;
      Join(best);
      found.clear();
      if (At(best.place).previous != kNone) AddCandidate(At(best.place).previous, found);
      AddCandidate(best.place, found);
      for (const Candidate& candidate : found) heap_.push(candidate);
    }
  }

  void AppendTo(std::vector<int32_t>& out) const {
    for (const Symbol& symbol : symbols_) {
      if (symbol.id != kGone) out.push_back(symbol.id);
    }
  }

 private:
  static constexpr int64_t kNone = -1;
  static constexpr int32_t kGone = -1;

  struct Symbol {
    int32_t id = 0;
    int64_t previous = kNone;
    int64_t next = kNone;
  };
  struct Candidate {
    const Slot* rule = nullptr;
    int64_t place = 0;  // of the left symbol
  };
  struct Later {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.rule->rank != b.rule->rank ? a.rule->rank > b.rule->rank : a.place > b.place;
    }
  };
  using Heap = std::priority_queue<Candidate, std::vector<Candidate>, Later>;

  const Symbol& At(int64_t place) const { return symbols_[static_cast<size_t>(place)]; }
  Symbol& At(int64_t place) { return symbols_[static_cast<size_t>(place)]; }

  void AddCandidate(int64_t place, std::vector<Candidate>& out) const {
    const int64_t next = At(place).next;
    if (next == kNone) return;
    if (const Slot* rule = table_.Find(At(place).id, At(next).id)) out.push_back({rule, place});
  }

  /// A candidate is stale once either of its symbols has been merged into something else.
  bool StillThere(const Candidate& candidate) const {
    const Symbol& left = At(candidate.place);
    return left.id == candidate.rule->left && left.next != kNone &&
           At(left.next).id == candidate.rule->right;
  }

  void Join(const Candidate& candidate) {
    Symbol& left = At(candidate.place);
    Symbol& right = At(left.next);
    left.id = candidate.rule->result;
    left.next = right.next;
    if (right.next != kNone) At(right.next).previous = candidate.place;
    right.id = kGone;
  }

  const MergeTable& table_;
  std::vector<Symbol> symbols_;
  Heap heap_;
};

void MergeTable::Apply(std::span<const int32_t> symbols, std::vector<int32_t>& out) const {
  Word word(*this, symbols);
  word.Run();
  word.AppendTo(out);
}

}  // namespace facet
