// A sound file in memory, decoded piece by piece: one interface over the libraries that decode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace facet {

/// Shape of the samples in a file, as its header states it.
struct SoundLayout {
  int64_t rate = 0;  ///< Hz
  int64_t channels = 0;
};

class SoundFile {
 public:
  virtual ~SoundFile() = default;

  /// The format's name for messages.
  virtual std::string_view name() const = 0;
  virtual SoundLayout layout() const = 0;

  /// Fills the front of `interleaved` (whole frames of layout().channels samples) and returns the
  /// number of frames; 0 at the end. kInvalidData for broken data or an end before the stated one.
  virtual Result<int64_t> Read(std::span<float> interleaved) = 0;
};

/// Opens WAV (integer and float PCM, mu-law, A-law), FLAC, MP3 or Ogg (Vorbis, Opus). `bytes` must
/// outlive the object. kUnsupported for anything else, kInvalidData for a broken or empty file.
Result<std::unique_ptr<SoundFile>> OpenSoundFile(std::span<const std::byte> bytes);

}  // namespace facet
