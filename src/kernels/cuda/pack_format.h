// The packed form of an NVFP4 weight, bit by bit: what pack.cc and pack.cu write and every CUDA
// product reads. Functions here are constexpr, so that host and device code share them.
//
// A weight [rows, cols] is padded with zeros to whole tiles of 16 rows x 64 columns. Each tile is a
// record of 576 bytes; records are in the order [row tile][column tile], column tile fastest.
//
//   bytes 0..511    codes: lane l of a warp owns the 16 bytes at 16 l, as four 32-bit words; word j
//                   is for columns 16 j .. 16 j + 15 of the tile
//   bytes 512..575  scales: at 512 + 8 g those of row g for its four blocks, then of row g + 8
//
// A word of lane l, with g = l / 4 and t = l % 4, holds the eight weights of that lane in the A
// fragment of mma.m16n8k16 and of a warp's part of wgmma.m64nNk16, as four pairs:
//
//   pair 0: row g,     columns 2t, 2t + 1          pair 2: row g,     columns 2t + 8, 2t + 9
//   pair 1: row g + 8, columns 2t, 2t + 1          pair 3: row g + 8, columns 2t + 8, 2t + 9
//
// The even column's code is in the low half of the word, the odd column's in the high half. Bits of
// a code are s e1 e0 m; within each 16-bit half they are at
//
//   pair 0: s 15, e1 e0 m 8..6      pair 2: s 9,  e1 e0 m 2..0
//   pair 1: s 12, e1 e0 m 5..3      pair 3: s 14, e1 13, e0 11, m 10
//
// so that a shift and a mask give two BF16 numbers, each its code's value x 2^-126 (PairBits). A
// scale byte is E5M3 without a sign, (e + 10) << 3 | m for 2^e (1 + m / 8), -9 <= e <= 8: every
// E4M3 scale exactly, the subnormal ones normalized. As a BF16 number, scale x 2^119
// (MultiplierBits). The BF16 product of the two is exact (at most 6 significant bits), and is the
// weight / global_scale x 2^-7. A block whose scale is zero has zero codes and the scale 1; a
// negative scale is stored as its magnitude, its sign moved to the codes.
#pragma once

#include <cstdint>

namespace facet::cuda {

inline constexpr int64_t kPackRows = 16;
inline constexpr int64_t kPackCols = 64;
inline constexpr int64_t kPackCodeBytes = 512;
inline constexpr int64_t kPackRecordBytes = 576;
/// A weight is its decoded BF16 product x this x global_scale.
inline constexpr float kPackUnit = 128.0f;
inline constexpr uint8_t kPackScaleOne = 10 << 3;

constexpr int64_t PackedRowTiles(int64_t rows) { return (rows + kPackRows - 1) / kPackRows; }
constexpr int64_t PackedColTiles(int64_t cols) { return (cols + kPackCols - 1) / kPackCols; }
constexpr int64_t PackedBytes(int64_t rows, int64_t cols) {
  return PackedRowTiles(rows) * PackedColTiles(cols) * kPackRecordBytes;
}

/// The bits of a word that state `pair`'s code in the low half.
constexpr uint32_t PlaceCode(int pair, uint32_t code) {
  const uint32_t sign = code >> 3;
  const uint32_t magnitude = code & 7;
  switch (pair) {
    case 0:
      return sign << 15 | magnitude << 6;
    case 1:
      return sign << 12 | magnitude << 3;
    case 2:
      return sign << 9 | magnitude;
    default:
      return sign << 14 | (magnitude >> 2) << 13 | (magnitude & 3) << 10;
  }
}

/// The bits of a word that state two codes as a file stores them, the even column's in the low
/// nibble.
constexpr uint32_t PlacePair(int pair, uint32_t byte) {
  return PlaceCode(pair, byte & 0xF) | PlaceCode(pair, byte >> 4) << 16;
}

/// Two BF16 numbers, code value x 2^-126 each: the operations that kernels decode with.
constexpr uint32_t PairBits(int pair, uint32_t word) {
  switch (pair) {
    case 0:
      return word & 0x81C081C0u;
    case 1:
      return (word << 3) & 0x81C081C0u;
    case 2:
      return (word << 6) & 0x81C081C0u;
    default:
      return ((word << 1) & 0x80008000u) | ((word >> 5) & 0x01000100u) |
             ((word >> 4) & 0x00C000C0u);
  }
}

/// A scale byte of a record from an E4M3 scale's magnitude bits, 1..0x7E (not zero, not NaN).
constexpr uint8_t PackScale(uint32_t e4m3) {
  if (e4m3 >= 8) return static_cast<uint8_t>(e4m3 + (3 << 3));  // 2^(E - 7): (E - 7 + 10) << 3 | m
  if (e4m3 >= 4) return static_cast<uint8_t>(3 << 3 | (e4m3 & 3) << 1);  // 4..7 x 2^-9
  if (e4m3 >= 2) return static_cast<uint8_t>(2 << 3 | (e4m3 & 1) << 2);  // 2..3 x 2^-9
  return 1 << 3;                                                         // 2^-9
}

/// The E4M3 scale that PackScale() was given.
constexpr uint8_t UnpackScale(uint32_t packed) {
  if (packed >= 4 << 3) return static_cast<uint8_t>(packed - (3 << 3));
  return static_cast<uint8_t>((8 | (packed & 7)) >> (4 - (packed >> 3)));
}

/// BF16 bits of scale x 2^119, from a record's byte.
constexpr uint32_t MultiplierBits(uint32_t packed) { return (packed << 4) + (236u << 7); }

/// A block's eight code bytes (little endian) as its scale says: zeroed for a zero scale, signs
/// turned for a negative one.
constexpr uint64_t CanonicalCodes(uint64_t codes, uint8_t e4m3) {
  if ((e4m3 & 0x7Fu) == 0) return 0;
  return (e4m3 & 0x80u) != 0 ? codes ^ 0x8888888888888888u : codes;
}
constexpr uint8_t CanonicalScale(uint8_t e4m3) {
  return (e4m3 & 0x7Fu) == 0 ? kPackScaleOne : PackScale(e4m3 & 0x7Fu);
}

}  // namespace facet::cuda
