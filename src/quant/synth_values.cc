#include "quant/synth_values.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/random.h"
#include "tensor/bf16.h"
#include "tensor/nvfp4.h"

namespace facet {
namespace {

/// Of 128 magnitudes, how many are below 0.5, 1, 1.5, 2, 3, 4 and 6: what rounding N(0, 2.9^2) to
/// E2M1 gives. 2.9 is where 16 normal values have their largest magnitude near 6.
constexpr std::array<uint8_t, 7> kMagnitudeSteps = {9, 26, 43, 58, 78, 99, 117};

constexpr int64_t kBlockBytes = kNvfp4Block / 2;

/// The code for a random byte: magnitude from its lower seven bits, sign from the highest.
constexpr uint8_t CodeOf(uint8_t byte) {
  uint8_t code = static_cast<uint8_t>((byte >> 4) & 8u);
  for (const uint8_t step : kMagnitudeSteps) {
    code = static_cast<uint8_t>(code + ((byte & 0x7Fu) >= step));
  }
  return code;
}

}  // namespace

uint64_t SynthKey(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, 64 bits: offset basis and prime
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return RandomBits(seed, hash);
}

uint64_t IntegerRoot(uint64_t value) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const uint64_t larger = root | bit;
    if (larger * larger <= value) root = larger;
  }
  return root;
}

float SynthNumber(uint64_t key, uint64_t index, SynthDistribution distribution) {
  const int32_t bell = SynthBell(RandomBits(key, index));
  return static_cast<float>(distribution.offset + bell) * distribution.scale;
}

void FillSynthBf16(uint64_t key, SynthDistribution distribution, int64_t first,
                   std::span<uint16_t> out) {
  auto index = static_cast<uint64_t>(first);
  for (uint16_t& bits : out) bits = Bf16FromFloat(SynthNumber(key, index++, distribution));
}

void FillSynthCodes(uint64_t key, int64_t first_block, std::span<uint8_t> out) {
  FACET_CHECK(out.size() % kBlockBytes == 0);
  // Many blocks at once, in plain loops over bytes that the compiler turns into vectors.
  constexpr size_t kBlocksAtOnce = 64;
  std::array<uint64_t, 2 * kBlocksAtOnce> words{};
  std::array<uint8_t, sizeof(words)> bytes{};
  auto index = 2 * static_cast<uint64_t>(first_block);
  while (!out.empty()) {
    const size_t count = std::min(out.size(), bytes.size() / 2);
    for (uint64_t& word : words) word = RandomBits(key, index++);
    std::memcpy(bytes.data(), words.data(), sizeof(words));
    for (uint8_t& byte : bytes) byte = CodeOf(byte);
    for (size_t i = 0; i < count; ++i) {
      out[i] = static_cast<uint8_t>(bytes[2 * i] | (bytes[2 * i + 1] << 4));
    }
    out = out.subspan(count);
  }
}

void FillSynthBlockScales(uint64_t key, int64_t first_block, std::span<uint8_t> out) {
  auto index = static_cast<uint64_t>(first_block);
  for (uint8_t& scale : out) {
    const uint64_t bits = RandomBits(key, index++);
    const uint64_t low = bits & 0xFFu;
    const bool rare = ((bits >> 8) & 0xFFu) == 0;
    scale = static_cast<uint8_t>(rare ? 1 + low * 126 / 256 : 0x60 + (low & 15u) + (low >> 4));
  }
}

}  // namespace facet
