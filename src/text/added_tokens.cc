#include "text/added_tokens.h"

#include <algorithm>

namespace facet {

Result<void> AddedTokens::Add(std::string_view piece, int32_t id, bool special) {
  if (piece.empty()) return Fail(ErrorCode::kInvalidData, "added token {} is empty", id);
  if (piece.size() > kMaxBytes) {
    return Fail(ErrorCode::kResource, "added token {} has {} bytes, at most {} are supported", id,
                piece.size(), kMaxBytes);
  }
  int32_t node = 0;
  for (const char byte : piece) {
    int32_t next = Child(node, byte);
    if (next < 0) {
      if (nodes_.size() >= kMaxNodes) {
        return Fail(ErrorCode::kResource, "added tokens of more than {} bytes", kMaxNodes);
      }
      next = static_cast<int32_t>(nodes_.size());
      nodes_[static_cast<size_t>(node)].children.emplace_back(byte, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  nodes_[static_cast<size_t>(node)].id = id;
  nodes_[static_cast<size_t>(node)].special = special;
  return {};
}

int32_t AddedTokens::Child(int32_t node, char byte) const {
  const auto& children = At(node).children;
  const auto found =
      std::ranges::find(children, byte, [](const auto& child) { return child.first; });
  return found == children.end() ? -1 : found->second;
}

AddedTokens::Match AddedTokens::LongestAt(std::string_view text, size_t special_limit) const {
  Match best;
  int32_t node = 0;
  for (size_t length = 1; length <= text.size(); ++length) {
    node = Child(node, text[length - 1]);
    if (node < 0) break;
    const Node& here = At(node);
    if (here.id >= 0 && (!here.special || length <= special_limit)) best = {here.id, length};
  }
  return best;
}

}  // namespace facet
