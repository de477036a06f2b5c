// Image files for tests, written into memory: PNG of any kind, JPEG, WebP, and the EXIF blocks
// inside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

#include "media/image.h"

namespace facet::testing {

inline std::span<const std::byte> AsBytes(const std::string& file) {
  return std::as_bytes(std::span(file));
}

/// A picture in which every pixel and channel differs from its neighbours, so that no turn is lost.
inline Image MakePicture(int64_t width, int64_t height) {
  Image image{.width = width, .height = height, .pixels = {}};
  for (int64_t i = 0; i < width * height * 3; ++i) {
    image.pixels.push_back(static_cast<uint8_t>((i * 37 + i / 3 / width * 11) % 251));
  }
  return image;
}

/// Big- or little-endian unsigned integer of `width` bytes.
inline std::string Number(uint64_t value, int width, bool big_endian) {
  std::string bytes;
  for (int i = 0; i < width; ++i) {
    bytes += static_cast<char>(value >> 8 * (big_endian ? width - 1 - i : i));
  }
  return bytes;
}

/// An EXIF block (TIFF header, one directory) with a tag before the orientation. SHORT is type 3.
struct ExifSpec {
  uint64_t orientation = 6;
  bool big_endian = true;
  uint64_t type = 3;
  uint64_t count = 1;
  uint64_t entries = 2;           ///< what the directory states
  uint64_t directory_offset = 8;  ///< what the header states
};
inline std::string MakeExif(const ExifSpec& spec = {}) {
  const auto number = [&](uint64_t value, int width) {
    return Number(value, width, spec.big_endian);
  };
  const auto entry = [&](uint64_t tag, uint64_t value) {
    const int width = spec.type == 3 ? 2 : 4;
    std::string field = number(value, width);
    field.resize(4);
    return number(tag, 2) + number(spec.type, 2) + number(spec.count, 4) + field;
  };
  return std::string(spec.big_endian ? "MM" : "II") + number(42, 2) +
         number(spec.directory_offset, 4) + number(spec.entries, 2) + entry(0x0100, 3) +
         entry(0x0112, spec.orientation) + number(0, 4);
}

/// `rows` is the packed pixel data as PNG stores it, one row after the other.
struct PngSpec {
  uint32_t width = 1;
  uint32_t height = 1;
  int bits = 8;
  int colour = PNG_COLOR_TYPE_RGB;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<png_byte> palette_alpha = {};
  std::string exif = {};
};
inline std::string WritePng(const PngSpec& spec, std::span<const uint8_t> rows) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp self, png_bytep bytes, size_t count) {
        static_cast<std::string*>(png_get_io_ptr(self))
            ->append(reinterpret_cast<const char*>(bytes), count);
      },
      nullptr);
  png_set_IHDR(png, info, spec.width, spec.height, spec.bits, spec.colour,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!spec.palette.empty()) {
    png_set_PLTE(png, info, spec.palette.data(), static_cast<int>(spec.palette.size()));
  }
  if (!spec.palette_alpha.empty()) {
    png_set_tRNS(png, info, spec.palette_alpha.data(), static_cast<int>(spec.palette_alpha.size()),
                 nullptr);
  }
  std::vector<png_byte> exif(spec.exif.begin(), spec.exif.end());
  if (!exif.empty()) png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), exif.data());
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (uint32_t y = 0; y < spec.height; ++y) {
    pointers.push_back(const_cast<png_bytep>(rows.data()) + y * png_get_rowbytes(png, info));
  }
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

/// One chunk of a PNG file, with its checksum.
inline std::string PngChunk(std::string_view name, std::string_view data) {
  const std::string body = std::string(name) + std::string(data);
  const uLong sum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return Number(data.size(), 4, true) + body + Number(sum, 4, true);
}

/// The start of an RGB PNG file whose header states a size, and nothing behind it.
inline std::string PngHeader(uint64_t width, uint64_t height) {
  return "\x89PNG\r\n\x1A\n" + PngChunk("IHDR", Number(width, 4, true) + Number(height, 4, true) +
                                                    std::string("\x08\x02\0\0\0", 5));
}

struct JpegSpec {
  J_COLOR_SPACE colours = JCS_RGB;  ///< of the samples given: JCS_RGB, JCS_GRAYSCALE or JCS_CMYK
  bool progressive = false;
  bool ycck = false;
  std::string app1 = {};  ///< contents of an APP1 segment
};
inline std::string WriteJpeg(const JpegSpec& spec, int width, int height,
                             std::span<const uint8_t> samples) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = spec.colours == JCS_CMYK ? 4 : (spec.colours == JCS_GRAYSCALE ? 1 : 3);
  info.in_color_space = spec.colours;
  jpeg_set_defaults(&info);
  if (spec.ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, 100, TRUE);
  if (spec.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!spec.app1.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(spec.app1.data()),
                      static_cast<unsigned>(spec.app1.size()));
  }
  for (int y = 0; y < height; ++y) {
    JSAMPROW row =
        const_cast<JSAMPROW>(samples.data()) + std::ptrdiff_t{y} * width * info.input_components;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return file;
}

/// One chunk of a RIFF file, padded to an even length.
inline std::string RiffChunk(std::string_view name, std::string data) {
  const std::string size = Number(data.size(), 4, false);
  if (data.size() % 2 != 0) data += '\0';
  return std::string(name) + size + data;
}
inline std::string Riff(const std::string& chunks) { return RiffChunk("RIFF", "WEBP" + chunks); }

/// The chunk "VP8L" of a lossless WebP file with this picture.
inline std::string WebpPixels(const Image& image) {
  uint8_t* bytes = nullptr;
  const int width = static_cast<int>(image.width);
  const size_t size = WebPEncodeLosslessRGB(image.pixels.data(), width,
                                            static_cast<int>(image.height), width * 3, &bytes);
  const std::string file(reinterpret_cast<const char*>(bytes), size);
  WebPFree(bytes);
  return file.substr(12);  // behind "RIFF", size, "WEBP"
}

/// The chunk "VP8X": flags and canvas.
inline std::string WebpExtended(int flags, int64_t width, int64_t height) {
  return RiffChunk("VP8X", Number(static_cast<uint64_t>(flags), 4, false) +
                               Number(static_cast<uint64_t>(width - 1), 3, false) +
                               Number(static_cast<uint64_t>(height - 1), 3, false));
}

}  // namespace facet::testing
