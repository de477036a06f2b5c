// Element types of checkpoints, spelled as safetensors spells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace facet {

enum class DType : uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kI64,
  kU64,
  kF64
};

/// Bytes of one element.
int64_t SizeOf(DType dtype);

/// "BF16", "F8_E4M3", …
std::string_view NameOf(DType dtype);

/// The type with a safetensors name; nothing for names that facet does not know.
std::optional<DType> DTypeFromName(std::string_view name);

}  // namespace facet
