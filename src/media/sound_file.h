// A sound file in memory, decoded piece by piece through libsndfile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <sndfile.h>

#include "base/result.h"
#include "media/sound_format.h"

namespace facet {

class SoundFile {
 public:
  /// Opens WAV (integer and float PCM, mu-law, A-law), FLAC, MP3 or Ogg (Vorbis, Opus). `bytes`
  /// must outlive the object. kUnsupported for anything else, kInvalidData for a broken or empty
  /// file.
  static Result<SoundFile> Open(std::span<const std::byte> bytes);

  std::string_view name() const { return kind_.name; }
  int rate() const { return info_.samplerate; }
  int channels() const { return info_.channels; }

  /// Fills `interleaved` (a multiple of channels() long) and returns the number of frames read; 0
  /// at the end.
  Result<int64_t> Read(std::span<float> interleaved);

  /// After the end: kInvalidData if the file promised more than the `frames` that were read. Known
  /// for FLAC (and for WAV on opening); Ogg and MP3 are streams, which may begin and end anywhere.
  Result<void> CheckComplete(int64_t frames) const;

 private:
  struct Close {
    void operator()(SNDFILE* file) const { sf_close(file); }
  };
  // What libsndfile's callbacks read from; its address must not change while the object moves.
  struct Source {
    std::span<const std::byte> bytes;
    int64_t position = 0;
  };
  static sf_count_t Length(void* source);
  static sf_count_t Seek(sf_count_t offset, int whence, void* source);
  static sf_count_t ReadBytes(void* out, sf_count_t count, void* source);
  static sf_count_t Tell(void* source);

  SniffedSound kind_;
  std::unique_ptr<Source> source_;
  SF_INFO info_{};
  std::unique_ptr<SNDFILE, Close> file_;
};

}  // namespace facet
