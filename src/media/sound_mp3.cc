// MP3 through libmpg123.
#include <memory>

#include <mpg123.h>
#include <sys/types.h>

#include "media/sound_decoder.h"

namespace facet {
namespace {

class Mp3Sound final : public SoundFile {
 public:
  explicit Mp3Sound(std::span<const std::byte> bytes)
      : source_(bytes), handle_(mpg123_new(nullptr, nullptr)) {
    mpg123_handle* handle = handle_.get();
    ready_ =
        handle != nullptr &&
        mpg123_param(handle, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_FORCE_FLOAT, 0) == MPG123_OK &&
        mpg123_replace_reader_handle(handle, &OnRead, &OnSeek, nullptr) == MPG123_OK &&
        mpg123_open_handle(handle, &source_) == MPG123_OK && ReadLayout();
  }

  bool ready() const { return ready_; }
  std::string_view message() const {
    return handle_ == nullptr ? "no memory for the decoder" : mpg123_strerror(handle_.get());
  }
  std::string_view name() const override { return "MP3"; }
  SoundLayout layout() const override { return layout_; }

  Result<int64_t> Read(std::span<float> interleaved) override {
    size_t bytes = 0;
    const int status =
        mpg123_read(handle_.get(), interleaved.data(), interleaved.size_bytes(), &bytes);
    if (status == MPG123_NEW_FORMAT) {
      return Fail(ErrorCode::kUnsupported, "MP3: the rate or the channels change inside");
    }
    if (status != MPG123_OK && status != MPG123_DONE) {
      return Fail(ErrorCode::kInvalidData, "MP3: {}", message());
    }
    return static_cast<int64_t>(bytes / sizeof(float)) / layout_.channels;
  }

 private:
  static ssize_t OnRead(void* source, void* out, size_t count) {
    return static_cast<MemorySource*>(source)->Read(out, static_cast<int64_t>(count));
  }
  static off_t OnSeek(void* source, off_t offset, int whence) {
    return static_cast<MemorySource*>(source)->Seek(offset, whence);
  }

  // Reads up to the first frame, and fixes its format for all that follow.
  bool ReadLayout() {
    long rate = 0;
    int channels = 0;
    int encoding = 0;
    mpg123_handle* handle = handle_.get();
    if (mpg123_getformat(handle, &rate, &channels, &encoding) != MPG123_OK) return false;
    layout_ = {rate, channels};
    return mpg123_format_none(handle) == MPG123_OK &&
           mpg123_format(handle, rate, channels, MPG123_ENC_FLOAT_32) == MPG123_OK;
  }

  struct Delete {
    void operator()(mpg123_handle* handle) const { mpg123_delete(handle); }
  };
  MemorySource source_;
  std::unique_ptr<mpg123_handle, Delete> handle_;
  bool ready_ = false;
  SoundLayout layout_;
};

}  // namespace

Result<std::unique_ptr<SoundFile>> OpenMp3(std::span<const std::byte> bytes) {
  auto file = std::make_unique<Mp3Sound>(bytes);
  if (!file->ready()) return Fail(ErrorCode::kInvalidData, "MP3: {}", file->message());
  return file;
}

}  // namespace facet
