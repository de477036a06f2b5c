// WAV, FLAC and Ogg Opus through libsndfile.
#include <memory>

#include <sndfile.h>

#include "media/sound_decoder.h"

namespace facet {
namespace {

// Encodings inside WAV that are plain samples. Others (ADPCM, GSM, ...) are old telephone codecs.
bool IsPlainEncoding(int format) {
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
    case SF_FORMAT_DOUBLE:
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW:
      return true;
    default:
      return false;
  }
}

MemorySource& Source(void* source) { return *static_cast<MemorySource*>(source); }

class SndfileSound final : public SoundFile {
 public:
  SndfileSound(std::span<const std::byte> bytes, std::string_view name)
      : name_(name), source_(bytes) {
    SF_VIRTUAL_IO io{};
    io.get_filelen = [](void* source) -> sf_count_t { return Source(source).size(); };
    io.tell = [](void* source) -> sf_count_t { return Source(source).position(); };
    io.seek = [](sf_count_t offset, int whence, void* source) -> sf_count_t {
      return Source(source).Seek(offset, whence);
    };
    io.read = [](void* out, sf_count_t count, void* source) -> sf_count_t {
      return Source(source).Read(out, count);
    };
    file_.reset(sf_open_virtual(&io, SFM_READ, &info_, &source_));
  }

  bool ready() const { return file_ != nullptr; }
  int container() const { return info_.format & SF_FORMAT_TYPEMASK; }
  int encoding() const { return info_.format; }
  std::string_view name() const override { return name_; }
  SoundLayout layout() const override { return {info_.samplerate, info_.channels}; }

  Result<int64_t> Read(std::span<float> interleaved) override {
    const int64_t frames =
        sf_readf_float(file_.get(), interleaved.data(), std::ssize(interleaved) / info_.channels);
    // Each call forgets the errors of the one before, so a short read must be asked at once.
    if (frames < 0 || sf_error(file_.get()) != SF_ERR_NO_ERROR) {
      return Fail(ErrorCode::kInvalidData, "{}: {}", name_, sf_strerror(file_.get()));
    }
    frames_ += frames;
    if (frames == 0 && EndsEarly()) {
      return Fail(ErrorCode::kInvalidData,
                  "{}: the file is cut or broken: {} of {} samples are there", name_, frames_,
                  info_.frames);
    }
    return frames;
  }

 private:
  // FLAC states its length, or the largest count for "not known". WAV was checked before it was
  // opened.
  bool EndsEarly() const {
    return container() == SF_FORMAT_FLAC && info_.frames < SF_COUNT_MAX && frames_ < info_.frames;
  }

  struct Close {
    void operator()(SNDFILE* file) const { sf_close(file); }
  };
  std::string_view name_;
  MemorySource source_;
  SF_INFO info_{};
  std::unique_ptr<SNDFILE, Close> file_;
  int64_t frames_ = 0;
};

}  // namespace

Result<std::unique_ptr<SoundFile>> OpenWithSndfile(std::span<const std::byte> bytes,
                                                   std::string_view name) {
  auto file = std::make_unique<SndfileSound>(bytes, name);
  if (!file->ready()) return Fail(ErrorCode::kInvalidData, "{}: {}", name, sf_strerror(nullptr));
  const bool is_wav = file->container() == SF_FORMAT_WAV || file->container() == SF_FORMAT_WAVEX;
  if (is_wav && !IsPlainEncoding(file->encoding())) {
    return Fail(ErrorCode::kUnsupported,
                "WAV: this encoding is not read; accepted are PCM, float, mu-law, A-law");
  }
  return file;
}

}  // namespace facet
