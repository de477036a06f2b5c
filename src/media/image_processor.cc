#include "media/image_processor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "media/resize.h"

namespace facet {
namespace {

// The budgets that the model was trained with (spec section 1.5).
constexpr std::array<int64_t, 5> kBudgets = {70, 140, 280, 560, 1120};

Result<void> CheckOptions(const ImageProcessorOptions& options) {
  FACET_CHECK(options.patch_side > 0);
  if (std::ranges::find(kBudgets, options.max_soft_tokens) != kBudgets.end()) return {};
  return Fail(ErrorCode::kUsage,
              "an image budget of {} tokens is not one of 70, 140, 280, 560, 1120",
              options.max_soft_tokens);
}

int64_t RoundDown(double length, int64_t side) {
  return static_cast<int64_t>(std::floor(length / static_cast<double>(side))) * side;
}

// Sizes of the other side when one rounds down to nothing: one patch by the whole aspect ratio,
// inside the budget.
int64_t LongSide(int64_t long_side, int64_t short_side, const ImageProcessorOptions& options) {
  return std::min(long_side / short_side, options.max_soft_tokens) * options.patch_side;
}

// Copies the patch at (column, row) of the grid, rows of pixels one after the other.
uint8_t* CopyPatch(const Image& image, int64_t column, int64_t row, int64_t side, uint8_t* out) {
  for (int64_t y = 0; y < side; ++y) {
    const int64_t pixel = (row * side + y) * image.width + column * side;
    out = std::copy_n(image.pixels.data() + pixel * 3, side * 3, out);
  }
  return out;
}

ImagePatches CutPatches(const Image& image, int64_t side) {
  const int64_t columns = image.width / side;
  const int64_t rows = image.height / side;
  ImagePatches result;
  result.tokens = columns * rows;
  result.patches.resize(image.pixels.size());
  uint8_t* out = result.patches.data();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      out = CopyPatch(image, column, row, side, out);
      result.positions.push_back(static_cast<int32_t>(column));
      result.positions.push_back(static_cast<int32_t>(row));
    }
  }
  return result;
}

}  // namespace

Result<ImageSize> TargetSize(ImageSize size, const ImageProcessorOptions& options) {
  FACET_RETURN_IF_ERROR(CheckOptions(options));
  if (size.width <= 0 || size.height <= 0) {
    return Fail(ErrorCode::kInvalidData, "the image has no pixels ({} x {})", size.width,
                size.height);
  }
  const int64_t side = options.patch_side;
  const int64_t budget = options.max_soft_tokens * side * side;
  const double width = static_cast<double>(size.width);
  const double height = static_cast<double>(size.height);
  const double factor = std::sqrt(static_cast<double>(budget) / (width * height));
  ImageSize target{.width = RoundDown(factor * width, side),
                   .height = RoundDown(factor * height, side)};
  if (target.height == 0) {
    target = {.width = LongSide(size.width, size.height, options), .height = side};
  } else if (target.width == 0) {
    target = {.width = side, .height = LongSide(size.height, size.width, options)};
  }
  // factor^2 * width * height = budget >= 70 patches: no side is lost, and rounding down stays
  // inside.
  FACET_CHECK(target.width > 0 && target.height > 0 && target.width * target.height <= budget);
  if (std::max(target.width, target.height) / side > options.position_limit) {
    return Fail(
        ErrorCode::kUnsupported,
        "an image of {} x {} pixels becomes {} x {} patches; the model has positions for {}",
        size.width, size.height, target.width / side, target.height / side, options.position_limit);
  }
  return target;
}

Result<ImagePatches> ProcessImage(const Image& image, const ImageProcessorOptions& options) {
  FACET_TRY(const ImageSize target, TargetSize({image.width, image.height}, options));
  FACET_CHECK(std::ssize(image.pixels) == image.width * image.height * 3);
  return CutPatches(ResizeBicubic(image, target), options.patch_side);
}

}  // namespace facet
