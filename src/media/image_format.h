// What kind of image a file is, told by its first bytes, never by its name.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace facet {

enum class ImageFormat { kPng, kJpeg, kWebp, kOther };

/// The format of a file, and its name for messages. kOther covers what facet does not decode; its
/// name is the known format ("GIF", "PDF", "text") or empty.
struct SniffedImage {
  ImageFormat format = ImageFormat::kOther;
  std::string_view name;
};

/// Looks at no more than the first kilobyte.
SniffedImage SniffImage(std::span<const std::byte> file);

}  // namespace facet
