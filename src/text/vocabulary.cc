#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace facet {
namespace {

/// A half-full table of well-spread hashes needs some tens. A file whose pieces need more was made
/// to make us slow.
constexpr size_t kMaxProbes = 1024;

uint32_t HashOf(std::string_view piece) {
  const size_t hash = std::hash<std::string_view>()(piece);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

Result<Vocabulary> Vocabulary::Build(const std::vector<Entry>& entries) {
  Vocabulary vocabulary;
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.piece.size();
  if (bytes > UINT32_MAX) return Fail(ErrorCode::kResource, "vocabulary of {} bytes", bytes);
  // The index looks into bytes_, which therefore must never grow beyond this.
  vocabulary.bytes_.reserve(bytes);
  vocabulary.index_.resize(std::bit_ceil(std::max<size_t>(entries.size() * 2, 2)));
  for (const Entry& entry : entries) FACET_RETURN_IF_ERROR(vocabulary.Add(entry));
  FACET_RETURN_IF_ERROR(vocabulary.FindByteTokens());
  return vocabulary;
}

Result<void> Vocabulary::Add(const Entry& entry) {
  if (entry.id < 0 || entry.id >= kMaxIds) {
    return Fail(ErrorCode::kInvalidData, "token \"{}\" has id {}, expected 0 to {}", entry.piece,
                entry.id, kMaxIds - 1);
  }
  const auto id = static_cast<int32_t>(entry.id);
  if (id >= size()) slots_.resize(static_cast<size_t>(id) + 1);
  Place& place = slots_[static_cast<size_t>(id)];
  if (place.used) {
    if (Piece(id) != entry.piece) {
      return Fail(ErrorCode::kInvalidData, "id {} is given to both \"{}\" and \"{}\"", id,
                  Piece(id), entry.piece);
    }
    place.special |= entry.special;
    return {};
  }
  place.offset = static_cast<uint32_t>(bytes_.size());
  place.length = static_cast<uint32_t>(entry.piece.size());
  place.used = true;
  place.special = entry.special;
  bytes_.insert(bytes_.end(), entry.piece.begin(), entry.piece.end());
  return AddToIndex(Piece(id), id);
}

const Vocabulary::IndexSlot* Vocabulary::FindSlot(std::string_view piece, uint32_t hash,
                                                  size_t limit) const {
  const size_t mask = index_.size() - 1;
  for (size_t probe = 0; probe <= limit; ++probe) {
    const IndexSlot& slot = index_[(hash + probe) & mask];
    if (slot.id < 0 || (slot.hash == hash && Piece(slot.id) == piece)) return &slot;
  }
  return nullptr;
}

Result<void> Vocabulary::AddToIndex(std::string_view piece, int32_t id) {
  const uint32_t hash = HashOf(piece);
  const IndexSlot* slot = FindSlot(piece, hash, kMaxProbes);
  if (slot == nullptr) {
    return Fail(ErrorCode::kResource, "the pieces of the vocabulary collide with each other");
  }
  const auto place = static_cast<size_t>(slot - index_.data());
  const size_t probes = (place - hash) & (index_.size() - 1);
  longest_probe_ = std::max(longest_probe_, probes);
  index_[place] = {hash, id};
  return {};
}

Result<void> Vocabulary::FindByteTokens() {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string name = fmt::format("<0x{:02X}>", byte);
    const auto id = Find(name);
    if (!id) {
      return Fail(ErrorCode::kUnsupported,
                  "no byte token {}: only vocabularies with byte fallback are supported", name);
    }
    if (IsSpecial(*id)) return Fail(ErrorCode::kInvalidData, "byte token {} is special", name);
    byte_tokens_[static_cast<size_t>(byte)] = *id;
    slots_[static_cast<size_t>(*id)].byte = true;
  }
  return {};
}

std::string_view Vocabulary::Piece(int32_t id) const {
  if (!Has(id)) return {};
  return {bytes_.data() + Slot(id).offset, Slot(id).length};
}

std::optional<int32_t> Vocabulary::Find(std::string_view piece) const {
  const IndexSlot* slot = FindSlot(piece, HashOf(piece), longest_probe_);
  if (slot == nullptr || slot->id < 0) return std::nullopt;
  return slot->id;
}

std::optional<uint8_t> Vocabulary::ByteOf(int32_t id) const {
  if (!Has(id) || !Slot(id).byte) return std::nullopt;
  const std::string_view digits = Piece(id).substr(3, 2);
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  return static_cast<uint8_t>(value(digits[0]) * 16 + value(digits[1]));
}

}  // namespace facet
