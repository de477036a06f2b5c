// One decoder a format, and what they share. Used by image.cc only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "media/exif.h"
#include "media/image.h"

namespace facet {

/// Pixels as the file stores them, and how to turn them upright.
struct StoredImage {
  Image image;
  Orientation orientation = Orientation::kUpright;
};

/// Width and height as a file's header states them, before anything is believed.
struct StatedSize {
  int64_t width = 0;
  int64_t height = 0;
};

/// kInvalidData for an empty side, kResource above the limits.
Result<void> CheckSize(StatedSize size, const ImageLimits& limits);

/// Each takes a file of its format. Errors as DecodeImage; nothing is allocated for pixels before
/// the stated size is checked.
Result<StoredImage> DecodePng(std::span<const std::byte> file, const ImageLimits& limits);
Result<StoredImage> DecodeJpeg(std::span<const std::byte> file, const ImageLimits& limits);
Result<StoredImage> DecodeWebp(std::span<const std::byte> file, const ImageLimits& limits);

}  // namespace facet
