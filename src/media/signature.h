// First bytes by which file formats are told apart.
#pragma once

#include <span>
#include <string_view>

namespace facet {

struct Signature {
  std::string_view bytes;
  std::string_view name;
};

/// The name of the first signature that `head` begins with; empty if none.
inline std::string_view NameBySignature(std::string_view head,
                                        std::span<const Signature> signatures) {
  for (const Signature& signature : signatures) {
    if (head.starts_with(signature.bytes)) return signature.name;
  }
  return {};
}

}  // namespace facet
