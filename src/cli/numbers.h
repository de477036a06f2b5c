// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

namespace facet::cli {

/// 11959730224 to "11,959,730,224".
inline std::string Grouped(int64_t number) {
  std::string digits = fmt::format("{}", number);
  for (int64_t i = static_cast<int64_t>(digits.size()) - 3; i > (number < 0 ? 1 : 0); i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return digits;
}

}  // namespace facet::cli
