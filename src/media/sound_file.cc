#include "media/sound_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

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

Result<void> CheckKind(std::span<const std::byte> bytes, const SniffedSound& kind) {
  if (bytes.empty()) return Fail(ErrorCode::kInvalidData, "the sound file is empty");
  if (kind.format == SoundFormat::kWav) return CheckWavComplete(bytes);
  if (kind.format != SoundFormat::kOther) return {};
  return Fail(ErrorCode::kUnsupported,
              "this is {}, not a sound that can be read; accepted are WAV, FLAC, MP3 and Ogg",
              kind.name.empty() ? "a file of unknown format" : kind.name);
}

}  // namespace

Result<SoundFile> SoundFile::Open(std::span<const std::byte> bytes) {
  SoundFile file;
  file.kind_ = SniffSound(bytes);
  FACET_RETURN_IF_ERROR(CheckKind(bytes, file.kind_));
  file.source_ = std::make_unique<Source>(Source{.bytes = bytes});
  SF_VIRTUAL_IO io{
      .get_filelen = &Length, .seek = &Seek, .read = &ReadBytes, .write = nullptr, .tell = &Tell};
  file.file_.reset(sf_open_virtual(&io, SFM_READ, &file.info_, file.source_.get()));
  if (file.file_ == nullptr) {
    return Fail(ErrorCode::kInvalidData, "{}: {}", file.name(), sf_strerror(nullptr));
  }
  if (file.kind_.format == SoundFormat::kWav && !IsPlainEncoding(file.info_.format)) {
    return Fail(ErrorCode::kUnsupported,
                "WAV: this encoding is not read; accepted are PCM, mu-law, A-law");
  }
  return file;
}

Result<int64_t> SoundFile::Read(std::span<float> interleaved) {
  const int64_t frames =
      sf_readf_float(file_.get(), interleaved.data(), std::ssize(interleaved) / channels());
  // Each call forgets the errors of the one before, so a short read must be asked at once.
  if (frames < 0 || sf_error(file_.get()) != SF_ERR_NO_ERROR) {
    return Fail(ErrorCode::kInvalidData, "{}: {}", name(), sf_strerror(file_.get()));
  }
  return frames;
}

Result<void> SoundFile::CheckComplete(int64_t frames) const {
  // FLAC headers of unknown length are told as the largest count.
  const bool known = kind_.format == SoundFormat::kFlac && info_.frames < SF_COUNT_MAX;
  if (!known || frames >= info_.frames) return {};
  return Fail(ErrorCode::kInvalidData,
              "FLAC: the file is cut or broken: {} of {} samples are there", frames, info_.frames);
}

sf_count_t SoundFile::Length(void* source) {
  return std::ssize(static_cast<Source*>(source)->bytes);
}

sf_count_t SoundFile::Tell(void* source) { return static_cast<Source*>(source)->position; }

sf_count_t SoundFile::Seek(sf_count_t offset, int whence, void* source) {
  auto* self = static_cast<Source*>(source);
  const int64_t size = std::ssize(self->bytes);
  const int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? self->position : size;
  // Clamped without overflow: base lies in [0, size].
  self->position = offset < -base ? 0 : offset > size - base ? size : base + offset;
  return self->position;
}

sf_count_t SoundFile::ReadBytes(void* out, sf_count_t count, void* source) {
  auto* self = static_cast<Source*>(source);
  const int64_t taken = std::clamp<int64_t>(count, 0, std::ssize(self->bytes) - self->position);
  if (taken > 0) std::memcpy(out, self->bytes.data() + self->position, static_cast<size_t>(taken));
  self->position += taken;
  return taken;
}

}  // namespace facet
