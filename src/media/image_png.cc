// PNG through libpng. libpng reports errors by longjmp, which runs no destructors: every function
// that calls setjmp here has locals of trivial types only, and all that owns memory lives in
// PngReader.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <string_view>
#include <vector>

#include <png.h>

#include "media/image_decoder.h"

namespace facet {
namespace {

// zlib's format cannot expand a byte of input into more than this many (its technical notes,
// "maximum compression factor"); a header that promises more lies.
constexpr int64_t kDeflateLimit = 1032;
// Chunks beside the pixels (palette, EXIF) above this size are skipped.
constexpr png_alloc_size_t kChunkLimit = 1 << 20;

class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &OnError, &OnWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool ready() const { return info_ != nullptr; }
  std::string_view message() const { return message_.data(); }

  // Reads up to the pixels. False: see message().
  bool ReadHeader(StatedSize* size) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, &OnRead);
    png_set_benign_errors(png_, 1);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // CheckSize has its own message
    png_set_chunk_malloc_max(png_, kChunkLimit);
    SkipTexts();
    png_read_info(png_, info_);
    size->width = png_get_image_width(png_, info_);
    size->height = png_get_image_height(png_, info_);
    return true;
  }

  // The bytes of all rows as stored, before compression.
  int64_t StoredBytes() const {
    return static_cast<int64_t>(png_get_rowbytes(png_, info_)) * png_get_image_height(png_, info_);
  }

  // Reads the pixels as RGB into rows[height], and the chunks behind them.
  bool ReadRows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_expand(png_);  // palette to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != size_t{3} * png_get_image_width(png_, info_)) {
      png_error(png_, "unexpected pixel layout");
    }
    png_read_image(png_, rows);
    png_read_end(png_, info_);
    return true;
  }

  Orientation ReadExif() {
    png_uint_32 size = 0;
    png_bytep bytes = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &bytes) == 0) return Orientation::kUpright;
    return ReadOrientation(std::as_bytes(std::span(bytes, size)));
  }

 private:
  // Colour profiles and texts change no pixel, and are the chunks that can unpack into something
  // large.
  void SkipTexts() {
    static constexpr png_byte kNames[] = "iCCP\0sPLT\0tEXt\0zTXt\0iTXt";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kNames, sizeof(kNames) / 5);
  }

  static void OnRead(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "the file is cut");
    std::memcpy(out, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
  }

  [[noreturn]] static void OnError(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(self->message_.data(), message, self->message_.size() - 1);
    png_longjmp(png, 1);
  }

  static void OnWarning(png_structp, png_const_charp) {}

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::span<const std::byte> rest_;
  std::array<char, 128> message_{};
};

std::vector<png_bytep> RowPointers(Image& image) {
  std::vector<png_bytep> rows(static_cast<size_t>(image.height));
  for (size_t y = 0; y < rows.size(); ++y) {
    rows[y] = image.pixels.data() + y * static_cast<size_t>(image.width) * 3;
  }
  return rows;
}

}  // namespace

Result<StoredImage> DecodePng(std::span<const std::byte> file, const ImageLimits& limits) {
  PngReader reader(file);
  if (!reader.ready()) return Fail(ErrorCode::kResource, "PNG: no memory for the decoder");
  StatedSize size;
  if (!reader.ReadHeader(&size)) return Fail(ErrorCode::kInvalidData, "PNG: {}", reader.message());
  FACET_RETURN_IF_ERROR(CheckSize(size, limits));
  if (reader.StoredBytes() / kDeflateLimit > std::ssize(file)) {
    return Fail(ErrorCode::kInvalidData, "PNG: {} bytes cannot hold {} x {} pixels", file.size(),
                size.width, size.height);
  }
  StoredImage stored{.image = {.width = size.width, .height = size.height, .pixels = {}}};
  stored.image.pixels.resize(static_cast<size_t>(size.width * size.height * 3));
  std::vector<png_bytep> rows = RowPointers(stored.image);
  if (!reader.ReadRows(rows.data())) {
    return Fail(ErrorCode::kInvalidData, "PNG: {}", reader.message());
  }
  stored.orientation = reader.ReadExif();
  return stored;
}

}  // namespace facet
