// JPEG through libjpeg-turbo. The library reports errors through a callback that must not return;
// ours longjmps, which runs no destructors: every function that calls setjmp here has locals of
// trivial types only, and all that owns memory lives in JpegReader.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstring>
#include <string_view>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "media/image_decoder.h"

namespace facet {
namespace {

// A Huffman-coded block of 8 x 8 pixels takes at least one bit, and no layout of components stores
// fewer than a quarter of the picture's blocks in its densest component: a header that promises
// more lies.
constexpr int64_t kPixelsPerByte = int64_t{8} * 64 * 4;
// Real progressive files have about ten scans; each one costs a pass over the whole picture.
constexpr int kMaxScans = 64;
// The library's own buffers: a progressive picture of 100 million pixels and four components takes
// 800 MB.
constexpr long kLibraryBytes = 1L << 30;
constexpr std::string_view kExifPrefix("Exif\0\0", 6);

// Warnings after which some pixels are guesses: the file is broken or cut.
bool LosesPixels(int warning) {
  return warning == JWRN_JPEG_EOF || warning == JWRN_HIT_MARKER || warning == JWRN_HUFF_BAD_CODE ||
         warning == JWRN_MUST_RESYNC || warning == JWRN_BOGUS_PROGRESSION;
}

bool IsUnsupported(int error) {
  return error == JERR_SOF_UNSUPPORTED || error == JERR_BAD_PRECISION ||
         error == JERR_CONVERSION_NOTIMPL || error == JERR_ARITH_NOTIMPL ||
         error == JERR_COMPONENT_COUNT;
}

class JpegReader {
 public:
  JpegReader() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = &OnError;
    errors_.emit_message = &OnWarning;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = &OnProgress;
  }
  ~JpegReader() {
    if (created_) jpeg_destroy_decompress(&info_);
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ErrorCode code() const {
    return IsUnsupported(errors_.msg_code) ? ErrorCode::kUnsupported : ErrorCode::kInvalidData;
  }
  std::string_view message() const { return message_.data(); }
  StatedSize size() const { return {info_.image_width, info_.image_height}; }
  bool arithmetic() const { return info_.arith_code != 0; }
  // Colour components a pixel as read by ReadRow(): 3 (RGB) or 4 (CMYK).
  int channels() const { return info_.output_components; }
  int64_t height() const { return info_.output_height; }

  // Reads up to the first scan. False: see message() and code().
  bool ReadHeader(std::span<const std::byte> file) {
    if (setjmp(jump_) != 0) return false;
    created_ = true;  // a half-built object may and must be destroyed
    jpeg_create_decompress(&info_);
    info_.mem->max_memory_to_use = kLibraryBytes;
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool Start() {
    if (setjmp(jump_) != 0) return false;
    const bool inks = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    info_.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    return true;
  }

  // Reads the next row into width * channels() bytes.
  bool ReadRow(uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    return jpeg_read_scanlines(&info_, &row, 1) == 1;
  }

  // Reads up to the end marker, whose absence means that the file is cut.
  bool Finish() {
    if (setjmp(jump_) != 0) return false;
    return jpeg_finish_decompress(&info_) != 0;
  }

  // The first EXIF block; other uses of APP1 (XMP) have other prefixes.
  Orientation ReadExif() const {
    for (auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (data.starts_with(kExifPrefix)) return ReadOrientation(std::as_bytes(std::span(data)));
    }
    return Orientation::kUpright;
  }

 private:
  [[noreturn]] static void Stop(j_common_ptr info) {
    auto* self = static_cast<JpegReader*>(info->client_data);
    info->err->format_message(info, self->message_.data());
    std::longjmp(self->jump_, 1);
  }
  static void OnError(j_common_ptr info) { Stop(info); }
  static void OnWarning(j_common_ptr info, int level) {
    if (level < 0 && LosesPixels(info->err->msg_code)) Stop(info);
  }
  static void OnProgress(j_common_ptr info) {
    auto* self = static_cast<JpegReader*>(info->client_data);
    if (self->info_.input_scan_number <= kMaxScans) return;
    info->err->msg_code = JERR_BAD_PROGRESSION;
    std::snprintf(self->message_.data(), self->message_.size(), "more than %d scans", kMaxScans);
    std::longjmp(self->jump_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  std::array<char, JMSG_LENGTH_MAX> message_{};
  bool created_ = false;
};

// a * b / 255, rounded, for a and b in 0..255.
int MultiplyBytes(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

// CMYK to RGB without a colour profile. JPEG files store inks inverted, as Adobe's programs write
// them, so that 255 means no ink; the reference's loader takes every CMYK JPEG that way.
void InksToRgb(std::span<const uint8_t> inks, std::span<uint8_t> rgb) {
  for (size_t i = 0; i < rgb.size() / 3; ++i) {
    const int light = inks[4 * i + 3];
    for (size_t channel = 0; channel < 3; ++channel) {
      const int ink = 255 - inks[4 * i + channel];
      rgb[3 * i + channel] = static_cast<uint8_t>(light - MultiplyBytes(ink, light));
    }
  }
}

bool ReadPixels(JpegReader& reader, Image& image) {
  const size_t row_bytes = static_cast<size_t>(image.width) * 3;
  std::vector<uint8_t> inks(reader.channels() == 4 ? static_cast<size_t>(image.width) * 4 : 0);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    const std::span<uint8_t> row(image.pixels.data() + y * row_bytes, row_bytes);
    if (!reader.ReadRow(inks.empty() ? row.data() : inks.data())) return false;
    if (!inks.empty()) InksToRgb(inks, row);
  }
  return true;
}

}  // namespace

Result<StoredImage> DecodeJpeg(std::span<const std::byte> file, const ImageLimits& limits) {
  JpegReader reader;
  const auto fail = [&reader] { return Fail(reader.code(), "JPEG: {}", reader.message()); };
  if (!reader.ReadHeader(file)) return fail();
  const StatedSize size = reader.size();
  FACET_RETURN_IF_ERROR(CheckSize(size, limits));
  if (reader.arithmetic()) {
    return Fail(ErrorCode::kUnsupported, "JPEG: arithmetic coding is not read");
  }
  if (size.width * size.height / kPixelsPerByte > std::ssize(file)) {
    return Fail(ErrorCode::kInvalidData, "JPEG: {} bytes cannot hold {} x {} pixels", file.size(),
                size.width, size.height);
  }
  if (!reader.Start()) return fail();
  StoredImage stored{.image = {.width = size.width, .height = size.height, .pixels = {}},
                     .orientation = reader.ReadExif()};
  stored.image.pixels.resize(static_cast<size_t>(size.width * size.height * 3));
  if (!ReadPixels(reader, stored.image) || !reader.Finish()) return fail();
  return stored;
}

}  // namespace facet
