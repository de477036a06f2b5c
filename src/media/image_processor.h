// Pixels to what the model takes in: resized to fill the token budget, cut into 48 x 48 patches.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace facet {

/// The part of processor_config.json and config.json that shapes image tokens.
struct ImageProcessorOptions {
  int64_t patch_side = 48;        ///< pixels: patch_size x pooling_kernel_size
  int64_t max_soft_tokens = 280;  ///< token budget: one of 70, 140, 280, 560, 1120
  int64_t position_limit = 1120;  ///< rows of the position table; patch coordinates stay below it
};

/// One image as model input. Values are 0..255; the model divides by 255.
struct ImagePatches {
  int64_t tokens = 0;              ///< number of soft tokens, one a patch, row by row
  std::vector<uint8_t> patches;    ///< [tokens, patch_side * patch_side * 3], row, column, channel
  std::vector<int32_t> positions;  ///< [tokens, 2]: column x, row y of the patch
};

/// The size that the reference resizes to (spec section 4.1, step 2).
struct ImageSize {
  int64_t width = 0;
  int64_t height = 0;
};
Result<ImageSize> TargetSize(ImageSize size, const ImageProcessorOptions& options);

/// kUsage for a budget that is none of the five, kInvalidData for an image with no pixels.
Result<ImagePatches> ProcessImage(const Image& image, const ImageProcessorOptions& options);

}  // namespace facet
