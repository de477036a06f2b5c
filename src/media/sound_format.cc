#include "media/sound_format.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "media/signature.h"

namespace facet {
namespace {

using std::string_view_literals::operator""sv;

// First bytes of formats that people send although facet does not decode them.
constexpr std::array kOtherSignatures = {
    Signature{"FORM"sv, "AIFF"},
    Signature{".snd"sv, "AU"},
    Signature{"#!AMR"sv, "AMR"},
    Signature{"\x1A\x45\xDF\xA3"sv, "WebM or Matroska"},
    Signature{"\x30\x26\xB2\x75"sv, "WMA"},
    Signature{"caff"sv, "CAF"},
    Signature{"RF64"sv, "RF64"},
    Signature{"%PDF-"sv, "PDF"},
    Signature{"\x89PNG"sv, "PNG"},
    Signature{"\xFF\xD8\xFF"sv, "JPEG"},
};

std::string_view Text(std::span<const std::byte> file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

// An MPEG audio frame header: eleven set bits, a version and a layer that exist. ADTS (AAC) has
// layer 0.
bool IsMpegFrame(std::string_view text) {
  if (text.size() < 2) return false;
  const auto first = static_cast<uint8_t>(text[0]);
  const auto second = static_cast<uint8_t>(text[1]);
  const int version = second >> 3 & 3;
  const int layer = second >> 1 & 3;
  return first == 0xFF && (second & 0xE0) == 0xE0 && version != 1 && layer != 0;
}

std::string_view NameOfOther(std::string_view text) {
  const std::string_view known = NameBySignature(text, kOtherSignatures);
  if (!known.empty()) return known;
  if (text.size() >= 8 && text.substr(4, 4) == "ftyp") return "MP4 (AAC)";
  if (text.size() >= 2 && text[0] == '\xFF' && (text[1] & 0xF6) == 0xF0) return "AAC";
  return {};
}

// An Ogg file's first page has a header of 27 bytes, a table of segments, and the first packet,
// which names the codec (RFC 3533, section 6).
SniffedSound SniffOgg(std::string_view text) {
  constexpr size_t kHeaderBytes = 27;
  if (text.size() < kHeaderBytes) return {SoundFormat::kOther, "a cut Ogg file"};
  const size_t packet = kHeaderBytes + static_cast<uint8_t>(text[kHeaderBytes - 1]);
  const std::string_view codec = text.substr(std::min(packet, text.size()));
  if (codec.starts_with("\x01vorbis")) return {SoundFormat::kOggVorbis, "Ogg Vorbis"};
  if (codec.starts_with("OpusHead")) return {SoundFormat::kOggOpus, "Ogg Opus"};
  return {SoundFormat::kOther, "Ogg without Vorbis or Opus"};
}

uint32_t Little32(std::string_view text, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(text[offset + i]);
  return value;
}

}  // namespace

SniffedSound SniffSound(std::span<const std::byte> file) {
  const std::string_view text = Text(file);
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WAVE") {
    return {SoundFormat::kWav, "WAV"};
  }
  if (text.starts_with("fLaC")) return {SoundFormat::kFlac, "FLAC"};
  if (text.starts_with("OggS")) return SniffOgg(text);
  if (text.starts_with("ID3") || IsMpegFrame(text)) return {SoundFormat::kMp3, "MP3"};
  return {SoundFormat::kOther, NameOfOther(text)};
}

Result<void> CheckWavComplete(std::span<const std::byte> file) {
  constexpr size_t kHeaderBytes = 8;         // a chunk's name and size
  constexpr uint32_t kUnknown = 0x7FFFF000;  // where the placeholders of streaming writers begin
  const std::string_view text = Text(file);
  for (uint64_t at = 12; at + kHeaderBytes <= text.size();) {
    const uint32_t size = Little32(text, at + 4);
    const uint64_t rest = text.size() - at - kHeaderBytes;
    if (text.substr(at, 4) == "data") {
      if (size <= rest || size >= kUnknown) return {};
      return Fail(ErrorCode::kInvalidData,
                  "WAV: the file is cut: {} of {} bytes of samples are there", rest, size);
    }
    at += kHeaderBytes + uint64_t{size} + (size & 1);  // chunks are padded to even lengths
  }
  return Fail(ErrorCode::kInvalidData, "WAV: the file is cut or has no samples");
}

}  // namespace facet
