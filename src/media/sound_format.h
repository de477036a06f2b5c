// What kind of sound file a file is, told by its first bytes, and whether a WAV file is all there.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"

namespace facet {

enum class SoundFormat { kWav, kFlac, kMp3, kOggVorbis, kOggOpus, kOther };

/// The format of a file, and its name for messages. kOther covers what facet does not decode; its
/// name is the known format ("MP4", "WebM") or empty.
struct SniffedSound {
  SoundFormat format = SoundFormat::kOther;
  std::string_view name;
};
SniffedSound SniffSound(std::span<const std::byte> file);

/// kInvalidData if a WAV file's sample chunk is missing or longer than the file. Sizes that stand
/// for "not known", as programs write them into a pipe (0 and 0x7FFFF000 and above), are no error.
Result<void> CheckWavComplete(std::span<const std::byte> file);

}  // namespace facet
