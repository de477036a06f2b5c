// Sound files for tests, written by libsndfile into memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <numbers>
#include <span>
#include <stdexcept>
#include <vector>

#include <sndfile.h>

namespace facet::testing {

/// What a test file is: `format` as libsndfile names it (SF_FORMAT_FLAC | SF_FORMAT_PCM_16).
struct SoundSpec {
  int format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  int rate = 16000;
  int channels = 1;
};

/// A growing file in memory, for libsndfile's virtual input and output.
class MemoryFile {
 public:
  static sf_count_t Length(void* self) { return std::ssize(Self(self).bytes_); }
  static sf_count_t Tell(void* self) { return Self(self).position_; }
  static sf_count_t Seek(sf_count_t offset, int whence, void* self) {
    const sf_count_t base = whence == SEEK_SET   ? 0
                            : whence == SEEK_CUR ? Self(self).position_
                                                 : std::ssize(Self(self).bytes_);
    return Self(self).position_ = base + offset;
  }
  static sf_count_t Read(void* out, sf_count_t count, void* self) {
    MemoryFile& file = Self(self);
    count = std::min(count, std::ssize(file.bytes_) - file.position_);
    std::memcpy(out, file.bytes_.data() + file.position_, static_cast<size_t>(count));
    file.position_ += count;
    return count;
  }
  static sf_count_t Write(const void* in, sf_count_t count, void* self) {
    MemoryFile& file = Self(self);
    const auto end = static_cast<size_t>(file.position_ + count);
    if (file.bytes_.size() < end) file.bytes_.resize(end);
    std::memcpy(file.bytes_.data() + file.position_, in, static_cast<size_t>(count));
    file.position_ += count;
    return count;
  }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  static MemoryFile& Self(void* self) { return *static_cast<MemoryFile*>(self); }
  std::vector<std::byte> bytes_;
  sf_count_t position_ = 0;
};

/// Encodes interleaved samples.
inline std::vector<std::byte> WriteSound(const SoundSpec& spec, std::span<const float> samples) {
  MemoryFile memory;
  SF_VIRTUAL_IO io{.get_filelen = &MemoryFile::Length,
                   .seek = &MemoryFile::Seek,
                   .read = &MemoryFile::Read,
                   .write = &MemoryFile::Write,
                   .tell = &MemoryFile::Tell};
  SF_INFO info{};
  info.format = spec.format;
  info.samplerate = spec.rate;
  info.channels = spec.channels;
  SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
  if (file == nullptr) throw std::runtime_error(sf_strerror(nullptr));
  // In blocks: libsndfile 1.2's Vorbis and Opus writers hold a whole call on the stack.
  const size_t block = 4096 * static_cast<size_t>(spec.channels);
  for (size_t i = 0; i < samples.size(); i += block) {
    const auto part = samples.subspan(i, std::min(block, samples.size() - i));
    if (sf_write_float(file, part.data(), std::ssize(part)) != std::ssize(part)) {
      throw std::runtime_error(sf_strerror(file));
    }
  }
  sf_close(file);
  return std::move(memory.bytes());
}

/// A tone of `hertz` with `amplitude`, the same in each channel.
struct Tone {
  double hertz = 440.0;
  double amplitude = 0.5;
  double seconds = 1.0;
};
inline std::vector<float> MakeTone(const Tone& tone, int rate, int channels = 1) {
  std::vector<float> samples;
  for (int64_t i = 0; i < std::llround(tone.seconds * rate); ++i) {
    const double phase = 2 * std::numbers::pi * tone.hertz * static_cast<double>(i) / rate;
    samples.insert(samples.end(), static_cast<size_t>(channels),
                   static_cast<float>(tone.amplitude * std::sin(phase)));
  }
  return samples;
}

/// Amplitude of the tone of `hertz` in samples (least squares over whole range, edges left out).
inline double ToneAmplitude(std::span<const float> samples, double hertz, int rate) {
  const size_t edge = samples.size() / 10;
  double re = 0.0;
  double im = 0.0;
  for (size_t i = edge; i < samples.size() - edge; ++i) {
    const double phase = 2 * std::numbers::pi * hertz * static_cast<double>(i) / rate;
    re += samples[i] * std::cos(phase);
    im += samples[i] * std::sin(phase);
  }
  return 2.0 * std::hypot(re, im) / static_cast<double>(samples.size() - 2 * edge);
}

}  // namespace facet::testing
