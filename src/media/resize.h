// The reference's resampling, reproduced to the bit: bicubic with antialiasing on 8-bit pixels.
#pragma once

#include "media/image.h"
#include "media/image_processor.h"

namespace facet {

/// Resizes to `size` (both sides > 0; `image` not empty). Separable cubic convolution with a = -0.5
/// (Keys 1981), whose support grows with the reduction; half-pixel centres; fixed-point weights;
/// rows first, then columns, each pass rounded and clamped to 0..255. A side that keeps its length
/// is not filtered.
Image ResizeBicubic(const Image& image, ImageSize size);

}  // namespace facet
