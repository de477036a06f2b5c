#include "media/image.h"

#include <algorithm>
#include <utility>

#include "media/image_decoder.h"
#include "media/image_format.h"

namespace facet {
namespace {

struct Point {
  int64_t x;
  int64_t y;
};

bool SwapsSides(Orientation orientation) { return orientation >= Orientation::kTranspose; }

// Where the upright picture's pixel `p` lies in the stored one of `width` x `height`.
Point StoredPoint(Orientation orientation, Point p, int64_t width, int64_t height) {
  switch (orientation) {
    case Orientation::kUpright:
      return p;
    case Orientation::kMirror:
      return {width - 1 - p.x, p.y};
    case Orientation::kTurn180:
      return {width - 1 - p.x, height - 1 - p.y};
    case Orientation::kFlip:
      return {p.x, height - 1 - p.y};
    case Orientation::kTranspose:
      return {p.y, p.x};
    case Orientation::kTurnRight:
      return {p.y, height - 1 - p.x};
    case Orientation::kTransverse:
      return {width - 1 - p.y, height - 1 - p.x};
    case Orientation::kTurnLeft:
      return {width - 1 - p.y, p.x};
  }
  return p;
}

Image TurnUpright(StoredImage stored) {
  const Image& from = stored.image;
  if (stored.orientation == Orientation::kUpright) return std::move(stored.image);
  Image to{.width = from.width, .height = from.height, .pixels = {}};
  if (SwapsSides(stored.orientation)) std::swap(to.width, to.height);
  to.pixels.resize(from.pixels.size());
  uint8_t* out = to.pixels.data();
  for (int64_t y = 0; y < to.height; ++y) {
    for (int64_t x = 0; x < to.width; ++x) {
      const Point p = StoredPoint(stored.orientation, {x, y}, from.width, from.height);
      out = std::copy_n(from.pixels.data() + (p.y * from.width + p.x) * 3, 3, out);
    }
  }
  return to;
}

Result<StoredImage> DecodeStored(std::span<const std::byte> file, const ImageLimits& limits) {
  if (file.empty()) return Fail(ErrorCode::kInvalidData, "the image file is empty");
  const SniffedImage sniffed = SniffImage(file);
  switch (sniffed.format) {
    case ImageFormat::kPng:
      return DecodePng(file, limits);
    case ImageFormat::kJpeg:
      return DecodeJpeg(file, limits);
    case ImageFormat::kWebp:
      return DecodeWebp(file, limits);
    case ImageFormat::kOther:
      break;
  }
  return Fail(ErrorCode::kUnsupported,
              "this is {}, not an image that can be read; accepted are PNG, JPEG and WebP",
              sniffed.name.empty() ? "a file of unknown format" : sniffed.name);
}

}  // namespace

Result<void> CheckSize(StatedSize size, const ImageLimits& limits) {
  if (size.width <= 0 || size.height <= 0) {
    return Fail(ErrorCode::kInvalidData, "the image has no pixels ({} x {})", size.width,
                size.height);
  }
  if (size.width > limits.max_side || size.height > limits.max_side) {
    return Fail(ErrorCode::kResource, "the image is {} x {} pixels; no side may exceed {}",
                size.width, size.height, limits.max_side);
  }
  if (size.width > limits.max_pixels / size.height) {
    return Fail(ErrorCode::kResource,
                "the image is {} x {} pixels; more than {} in all are refused", size.width,
                size.height, limits.max_pixels);
  }
  return {};
}

Result<Image> DecodeImage(std::span<const std::byte> file, const ImageLimits& limits) {
  FACET_TRY(StoredImage stored, DecodeStored(file, limits));
  return TurnUpright(std::move(stored));
}

}  // namespace facet
