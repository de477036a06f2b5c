#include "media/exif.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace facet {
namespace {

constexpr std::string_view kJpegPrefix("Exif\0\0", 6);
constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kTypeShort = 3;
constexpr uint32_t kTypeLong = 4;

// Integers of a TIFF block in the byte order that its header states.
class TiffReader {
 public:
  static std::optional<TiffReader> Open(std::span<const std::byte> block) {
    if (block.size() < 8 || block[0] != block[1]) return std::nullopt;
    const char order = static_cast<char>(block[0]);
    if (order != 'I' && order != 'M') return std::nullopt;
    TiffReader reader(block, order == 'M');
    if (reader.Read(2, 2) != 42u) return std::nullopt;
    return reader;
  }

  // The unsigned integer of `width` bytes at `offset`; none outside the block.
  std::optional<uint32_t> Read(uint64_t offset, uint64_t width) const {
    if (offset > block_.size() || width > block_.size() - offset) return std::nullopt;
    uint32_t value = 0;
    for (uint64_t i = 0; i < width; ++i) {
      const uint64_t at = offset + (big_endian_ ? i : width - 1 - i);
      value = value << 8 | static_cast<uint32_t>(block_[at]);
    }
    return value;
  }

 private:
  TiffReader(std::span<const std::byte> block, bool big_endian)
      : block_(block), big_endian_(big_endian) {}

  std::span<const std::byte> block_;
  bool big_endian_;
};

// The value of a directory entry that holds one small integer in itself.
std::optional<uint32_t> ReadEntryValue(const TiffReader& tiff, uint64_t entry) {
  if (tiff.Read(entry + 4, 4) != 1u) return std::nullopt;  // count
  const auto type = tiff.Read(entry + 2, 2);
  if (type == kTypeShort) return tiff.Read(entry + 8, 2);
  if (type == kTypeLong) return tiff.Read(entry + 8, 4);
  return std::nullopt;
}

std::optional<uint32_t> FindOrientation(const TiffReader& tiff) {
  const auto directory = tiff.Read(4, 4);
  const auto entries = directory ? tiff.Read(*directory, 2) : std::nullopt;
  if (!entries) return std::nullopt;
  for (uint64_t i = 0; i < *entries; ++i) {
    const uint64_t entry = uint64_t{*directory} + 2 + 12 * i;
    const auto tag = tiff.Read(entry, 2);
    if (!tag) return std::nullopt;
    if (*tag == kOrientationTag) return ReadEntryValue(tiff, entry);
  }
  return std::nullopt;
}

}  // namespace

Orientation ReadOrientation(std::span<const std::byte> exif) {
  const std::string_view text(reinterpret_cast<const char*>(exif.data()), exif.size());
  if (text.starts_with(kJpegPrefix)) exif = exif.subspan(kJpegPrefix.size());
  const auto tiff = TiffReader::Open(exif);
  const auto value = tiff ? FindOrientation(*tiff) : std::nullopt;
  if (!value || *value < 1 || *value > 8) return Orientation::kUpright;
  return static_cast<Orientation>(*value);
}

}  // namespace facet
