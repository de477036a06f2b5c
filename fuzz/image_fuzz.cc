// Any bytes as an image: a picture inside the limits or an error, and patches from every picture.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "media/image.h"
#include "media/image_processor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Small limits keep each run fast; the code behind them is the same.
  const facet::ImageLimits limits{.max_side = 4096, .max_pixels = 1 << 18};
  const auto image = facet::DecodeImage(std::as_bytes(std::span(data, size)), limits);
  if (!image) return 0;
  FACET_CHECK(image->width > 0 && image->width <= limits.max_side);
  FACET_CHECK(image->height > 0 && image->height <= limits.max_side);
  FACET_CHECK(std::ssize(image->pixels) == image->width * image->height * 3);
  const auto patches = facet::ProcessImage(*image, {.max_soft_tokens = 70});
  FACET_CHECK(patches && patches->tokens >= 1 && patches->tokens <= 70);
  FACET_CHECK(std::ssize(patches->patches) == patches->tokens * 48 * 48 * 3);
  return 0;
}
