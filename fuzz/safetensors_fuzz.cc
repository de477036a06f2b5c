// Any bytes as a weight file: parsed or refused. What is accepted must lie inside the file.
#include <cstdint>
#include <cstdlib>

#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = facet::SafetensorsHeader::Parse(bytes, "fuzz");
  if (!header) return 0;
  for (const facet::SafetensorsEntry& entry : header->tensors) {
    const bool inside = entry.begin <= entry.end && header->data_start + entry.end <= size;
    const bool filled =
        facet::BytesOf(entry.dtype, entry.shape) == static_cast<int64_t>(entry.end - entry.begin);
    if (!inside || !filled) std::abort();
  }
  return 0;
}
