// Ogg Vorbis through libvorbisfile, read from front to end without seeking.
#include <algorithm>
#include <memory>

#define OV_EXCLUDE_STATIC_CALLBACKS
#include <vorbis/vorbisfile.h>

#include "media/sound_decoder.h"

namespace facet {
namespace {

class VorbisSound final : public SoundFile {
 public:
  explicit VorbisSound(std::span<const std::byte> bytes) : source_(bytes) {
    const ov_callbacks callbacks{
        .read_func = &OnRead, .seek_func = nullptr, .close_func = nullptr, .tell_func = nullptr};
    ready_ = ov_open_callbacks(&source_, &file_, nullptr, 0, callbacks) == 0;
    if (ready_) layout_ = CurrentLayout();
  }
  ~VorbisSound() override {
    if (ready_) ov_clear(&file_);  // a failed open has cleared it
  }
  VorbisSound(const VorbisSound&) = delete;
  VorbisSound& operator=(const VorbisSound&) = delete;

  bool ready() const { return ready_; }
  std::string_view name() const override { return "Ogg Vorbis"; }
  SoundLayout layout() const override { return layout_; }

  Result<int64_t> Read(std::span<float> interleaved) override {
    float** channels = nullptr;
    int link = 0;
    const int wanted = static_cast<int>(std::ssize(interleaved) / layout_.channels);
    const int64_t frames = ov_read_float(&file_, &channels, wanted, &link);
    if (frames < 0) return Fail(ErrorCode::kInvalidData, "Ogg Vorbis: the data is broken");
    if (frames == 0) return 0;
    const SoundLayout now = CurrentLayout();  // a file may be several, one after the other
    if (now.rate != layout_.rate || now.channels != layout_.channels) {
      return Fail(ErrorCode::kUnsupported, "Ogg Vorbis: the rate or the channels change inside");
    }
    float* out = interleaved.data();
    for (int64_t i = 0; i < frames; ++i) {
      for (int64_t channel = 0; channel < now.channels; ++channel) *out++ = channels[channel][i];
    }
    return frames;
  }

 private:
  static size_t OnRead(void* out, size_t size, size_t count, void* source) {
    auto* self = static_cast<MemorySource*>(source);
    return static_cast<size_t>(self->Read(out, static_cast<int64_t>(size * count))) / size;
  }

  SoundLayout CurrentLayout() {
    const vorbis_info* info = ov_info(&file_, -1);
    return info == nullptr ? SoundLayout{} : SoundLayout{info->rate, info->channels};
  }

  MemorySource source_;
  OggVorbis_File file_{};
  bool ready_ = false;
  SoundLayout layout_;
};

}  // namespace

Result<std::unique_ptr<SoundFile>> OpenVorbis(std::span<const std::byte> bytes) {
  auto file = std::make_unique<VorbisSound>(bytes);
  if (!file->ready()) return Fail(ErrorCode::kInvalidData, "Ogg Vorbis: the headers are broken");
  return file;
}

}  // namespace facet
