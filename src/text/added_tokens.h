// Finds the added tokens of a tokenizer ("<|turn>", "<bos>") in text, before any merging.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace facet {

/// A trie over the bytes of the added tokens. Immutable once filled.
class AddedTokens {
 public:
  /// Longest added token that is accepted; Gemma's longest has 31 characters of 3 bytes. Without a
  /// bound a search at every byte of a text would be quadratic.
  static constexpr size_t kMaxBytes = 256;
  /// Most bytes of all added tokens, shared beginnings counted once (about 40 MB of nodes).
  static constexpr size_t kMaxNodes = size_t{1} << 20;

  struct Match {
    int32_t id = -1;  ///< -1 for none
    size_t length = 0;
  };

  AddedTokens() : nodes_(1) {}

  /// kInvalidData for an empty piece, kResource for one that is too long or one too many.
  /// `special`: the token controls the model and must not come from untrusted text.
  Result<void> Add(std::string_view piece, int32_t id, bool special);

  /// The longest token that starts at `text[0]`. A special one must end within the first
  /// `special_limit` bytes.
  Match LongestAt(std::string_view text, size_t special_limit) const;

 private:
  struct Node {
    std::vector<std::pair<char, int32_t>> children;
    int32_t id = -1;
    bool special = false;
  };

  int32_t Child(int32_t node, char byte) const;
  const Node& At(int32_t node) const { return nodes_[static_cast<size_t>(node)]; }

  std::vector<Node> nodes_;
};

}  // namespace facet
