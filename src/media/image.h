// Image files to pixels: PNG, JPEG and WebP bytes to upright RGB, with limits checked before
// decoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace facet {

/// 8-bit RGB pixels, rows from top to bottom: pixels[(y * width + x) * 3 + channel].
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;
};

/// What an image from outside may cost; checked on the header, before any pixel is decoded.
struct ImageLimits {
  int64_t max_side = 32768;
  int64_t max_pixels = 100'000'000;
};

/// Decodes PNG, JPEG or WebP (told apart by their first bytes, never by a name), applies the EXIF
/// orientation, and converts to RGB as the reference's image loader does: alpha is dropped, not
/// blended; 16-bit samples keep their high byte; an animation gives its first frame. kUnsupported
/// for another format (the message names it where it is known), kInvalidData for a broken file,
/// kResource above the limits.
Result<Image> DecodeImage(std::span<const std::byte> file, const ImageLimits& limits = {});

}  // namespace facet
