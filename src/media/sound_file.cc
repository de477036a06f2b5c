#include "media/sound_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "media/sound_decoder.h"
#include "media/sound_format.h"

namespace facet {

int64_t MemorySource::Read(void* out, int64_t count) {
  const int64_t taken = std::clamp<int64_t>(count, 0, size() - position_);
  if (taken > 0) std::memcpy(out, bytes_.data() + position_, static_cast<size_t>(taken));
  position_ += taken;
  return taken;
}

int64_t MemorySource::Seek(int64_t offset, int whence) {
  const int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? position_ : size();
  // Clamped without overflow: base lies in [0, size].
  position_ = base + std::clamp(offset, -base, size() - base);
  return position_;
}

Result<std::unique_ptr<SoundFile>> OpenSoundFile(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Fail(ErrorCode::kInvalidData, "the sound file is empty");
  const SniffedSound kind = SniffSound(bytes);
  switch (kind.format) {
    case SoundFormat::kWav:
      FACET_RETURN_IF_ERROR(CheckWavComplete(bytes));
      return OpenWithSndfile(bytes, kind.name);
    case SoundFormat::kFlac:
    case SoundFormat::kOggOpus:
      return OpenWithSndfile(bytes, kind.name);
    case SoundFormat::kOggVorbis:
      return OpenVorbis(bytes);
    case SoundFormat::kMp3:
      return OpenMp3(bytes);
    case SoundFormat::kOther:
      break;
  }
  return Fail(ErrorCode::kUnsupported,
              "this is {}, not a sound that can be read; accepted are WAV, FLAC, MP3 and Ogg",
              kind.name.empty() ? "a file of unknown format" : kind.name);
}

}  // namespace facet
