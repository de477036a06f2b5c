// WebP through libwebp, still and animated files alike: the container's first frame on its canvas.
#include <cstdint>
#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "media/image_decoder.h"

namespace facet {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

class FirstFrame {
 public:
  explicit FirstFrame(const WebPDemuxer* demuxer)
      : found_(WebPDemuxGetFrame(demuxer, 1, &iterator_) != 0) {}
  ~FirstFrame() { WebPDemuxReleaseIterator(&iterator_); }
  FirstFrame(const FirstFrame&) = delete;
  FirstFrame& operator=(const FirstFrame&) = delete;

  bool found() const { return found_ && iterator_.complete != 0; }
  const WebPIterator& get() const { return iterator_; }

 private:
  WebPIterator iterator_{};
  bool found_;
};

bool LiesOn(const Image& canvas, const WebPIterator& frame) {
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
         int64_t{frame.x_offset} + frame.width <= canvas.width &&
         int64_t{frame.y_offset} + frame.height <= canvas.height;
}

// Decodes the frame to its place on the canvas; alpha is left out, so hidden colours show.
Result<void> DecodeFrame(const WebPIterator& frame, Image& canvas) {
  if (!LiesOn(canvas, frame)) {
    return Fail(ErrorCode::kInvalidData, "WebP: the first frame lies outside the picture");
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    return Fail(ErrorCode::kResource, "WebP: the library does not fit its headers");
  }
  if (WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input) != VP8_STATUS_OK ||
      config.input.width != frame.width || config.input.height != frame.height) {
    return Fail(ErrorCode::kInvalidData, "WebP: the first frame contradicts the container");
  }
  const int64_t offset = (int64_t{frame.y_offset} * canvas.width + frame.x_offset) * 3;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = canvas.pixels.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(canvas.width * 3);
  config.output.u.RGBA.size = canvas.pixels.size() - static_cast<size_t>(offset);
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_OK) return {};
  if (status == VP8_STATUS_OUT_OF_MEMORY) return Fail(ErrorCode::kResource, "WebP: out of memory");
  return Fail(ErrorCode::kInvalidData, "WebP: the pixels are broken or cut (libwebp status {})",
              static_cast<int>(status));
}

Orientation ReadExif(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk{};
  Orientation orientation = Orientation::kUpright;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) {
    orientation = ReadOrientation(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

}  // namespace

Result<StoredImage> DecodeWebp(std::span<const std::byte> file, const ImageLimits& limits) {
  const WebPData data{reinterpret_cast<const uint8_t*>(file.data()), file.size()};
  const Demuxer demuxer(WebPDemux(&data), &WebPDemuxDelete);
  if (demuxer == nullptr) return Fail(ErrorCode::kInvalidData, "WebP: the file is broken or cut");
  const StatedSize size{WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH),
                        WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT)};
  FACET_RETURN_IF_ERROR(CheckSize(size, limits));
  const FirstFrame frame(demuxer.get());
  if (!frame.found()) return Fail(ErrorCode::kInvalidData, "WebP: there is no complete frame");
  StoredImage stored{.image = {.width = size.width, .height = size.height, .pixels = {}},
                     .orientation = ReadExif(demuxer.get())};
  stored.image.pixels.resize(static_cast<size_t>(size.width * size.height * 3));
  FACET_RETURN_IF_ERROR(DecodeFrame(frame.get(), stored.image));
  return stored;
}

}  // namespace facet
