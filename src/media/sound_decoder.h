// One decoder a library, and what they share. Used by sound_file.cc only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "media/sound_file.h"

namespace facet {

/// Bytes with a position, in the manner of a C file. Libraries keep its address: it does not move.
class MemorySource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  MemorySource(const MemorySource&) = delete;
  MemorySource& operator=(const MemorySource&) = delete;

  int64_t size() const { return std::ssize(bytes_); }
  int64_t position() const { return position_; }
  /// Copies up to `count` bytes to `out`, moves on, and returns how many there were.
  int64_t Read(void* out, int64_t count);
  /// `whence` is SEEK_SET, SEEK_CUR or SEEK_END; the position stays inside. Returns it.
  int64_t Seek(int64_t offset, int whence);

 private:
  std::span<const std::byte> bytes_;
  int64_t position_ = 0;
};

/// WAV, FLAC and Ogg Opus through libsndfile.
Result<std::unique_ptr<SoundFile>> OpenWithSndfile(std::span<const std::byte> bytes,
                                                   std::string_view name);
/// MP3 through libmpg123, which libsndfile uses too, but with its messages to stderr switched on.
Result<std::unique_ptr<SoundFile>> OpenMp3(std::span<const std::byte> bytes);
/// Ogg Vorbis through libvorbisfile. libsndfile 1.2 leaks memory for files whose headers are
/// broken.
Result<std::unique_ptr<SoundFile>> OpenVorbis(std::span<const std::byte> bytes);

}  // namespace facet
