// The vocabulary: id to piece and back, which ids are special, which stand for single bytes. Knows
// nothing of merges or of JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

/// Immutable once built.
class Vocabulary {
 public:
  /// Four times the size of Gemma's vocabulary (262,144): room for added tokens, but a file cannot
  /// ask for a table of gigabytes by naming one large id.
  static constexpr int64_t kMaxIds = int64_t{1} << 20;

  /// One entry of a tokenizer file.
  struct Entry {
    std::string piece;
    int64_t id = 0;
    bool special = false;
  };

  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// kResource for pieces that were made to collide in the index. kInvalidData if an id is out of
  /// range, two pieces share an id, a byte token ("<0x41>") is missing or special. Where a piece
  /// occurs twice, its later id is the one that Find() gives, as the readers of Gemma's files do. A
  /// special entry for a known piece and id marks it as special.
  static Result<Vocabulary> Build(const std::vector<Entry>& entries);

  /// One more than the largest id.
  int64_t size() const { return static_cast<int64_t>(slots_.size()); }

  /// Empty for an unknown id.
  std::string_view Piece(int32_t id) const;
  std::optional<int32_t> Find(std::string_view piece) const;
  bool Has(int32_t id) const { return id >= 0 && id < size() && Slot(id).used; }
  bool IsSpecial(int32_t id) const { return Has(id) && Slot(id).special; }

  /// The token that stands for one byte: "<0x00>" to "<0xFF>".
  int32_t ByteToken(uint8_t byte) const { return byte_tokens_[byte]; }
  /// The byte that a byte token stands for; nothing for any other id.
  std::optional<uint8_t> ByteOf(int32_t id) const;

 private:
  struct Place {
    uint32_t offset = 0;
    uint32_t length = 0;
    bool used = false;
    bool special = false;
    bool byte = false;
  };

  struct IndexSlot {
    uint32_t hash = 0;
    int32_t id = -1;  // -1: an empty slot
  };

  Vocabulary() = default;
  const Place& Slot(int32_t id) const { return slots_[static_cast<size_t>(id)]; }
  Result<void> Add(const Entry& entry);
  Result<void> FindByteTokens();
  /// The slot of a piece: where it is, or the empty one where it belongs. Null beyond `limit`
  /// probes.
  const IndexSlot* FindSlot(std::string_view piece, uint32_t hash, size_t limit) const;
  Result<void> AddToIndex(std::string_view piece, int32_t id);

  std::vector<char>
      bytes_;  // all pieces, one after another; a vector, so that moving keeps the views
  std::vector<Place> slots_;
  // Piece to id: open addressing, a power of two in size and at most half full. Reading a tokenizer
  // asks it a million and a half times, which with a node-based map takes longer than parsing the
  // file.
  std::vector<IndexSlot> index_;
  size_t longest_probe_ = 0;
  std::array<int32_t, 256> byte_tokens_{};
};

}  // namespace facet
