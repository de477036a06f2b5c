// SHA-256 (FIPS 180-4), for telling known files from others. Not for secrets.
#pragma once

#include <string>
#include <string_view>

namespace facet {

/// The digest of `bytes` as 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace facet
