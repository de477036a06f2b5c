// The packed weights of the CUDA backend: nothing is lost on the way in and out, and the operations
// that kernels decode with give the definition's values.
#include "kernels/cuda/pack.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"

namespace facet::cuda {
namespace {

/// An NVFP4 matrix that owns its bytes.
struct OwnedWeight {
  OwnedWeight(int64_t row_count, int64_t col_count)
      : rows(row_count),
        cols(col_count),
        codes(static_cast<size_t>(row_count * col_count / 2)),
        scales(static_cast<size_t>(row_count * col_count / kNvfp4Block)) {}

  Nvfp4Matrix view() const { return {rows, cols, codes.data(), scales.data(), 1.0f, std::nullopt}; }

  int64_t rows;
  int64_t cols;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
};

/// Any codes, any positive scale.
OwnedWeight RandomWeight(int64_t rows, int64_t cols, uint64_t seed) {
  OwnedWeight weight(rows, cols);
  for (size_t i = 0; i < weight.codes.size(); ++i)
    weight.codes[i] = static_cast<uint8_t>(RandomBits(seed, i));
  for (size_t i = 0; i < weight.scales.size(); ++i)
    weight.scales[i] = static_cast<uint8_t>(1 + RandomBits(seed + 1, i) % 0x7E);
  return weight;
}

std::vector<uint8_t> Pack(const Nvfp4Matrix& weight) {
  // Poisoned: every byte must be written.
  std::vector<uint8_t> packed(static_cast<size_t>(PackedBytes(weight.rows, weight.cols)), 0xEE);
  PackNvfp4(weight, 0, PackedRowTiles(weight.rows), packed.data());
  return packed;
}

OwnedWeight Unpack(const std::vector<uint8_t>& packed, int64_t rows, int64_t cols) {
  OwnedWeight weight(rows, cols);
  UnpackNvfp4(packed.data(), rows, cols, weight.codes.data(), weight.scales.data());
  return weight;
}

struct Element {
  float code_times_unit = 0;  ///< PairBits() as a number
  float multiplier = 0;       ///< MultiplierBits() as a number
};

/// Element (row, col) decoded as a kernel does, straight from the text of pack_format.h.
Element Decode(const std::vector<uint8_t>& packed, int64_t cols, int64_t row, int64_t col) {
  const int64_t tile = row / 16 * PackedColTiles(cols) + col / 64;
  const uint8_t* record = packed.data() + tile * kPackRecordBytes;
  const int64_t r = row % 16;
  const int64_t j = col % 64 / 16;
  const int64_t c = col % 16;
  const int64_t lane = 4 * (r % 8) + c % 8 / 2;
  const int pair = static_cast<int>(r / 8 + 2 * (c / 8));
  uint32_t word = 0;
  for (int64_t i = 0; i < 4; ++i)
    word |= static_cast<uint32_t>(record[16 * lane + 4 * j + i]) << (8 * i);
  const uint32_t halves = PairBits(pair, word);
  const uint8_t scale = record[512 + 8 * (r % 8) + 4 * (r / 8) + j];
  return {FloatFromBf16(static_cast<uint16_t>(col % 2 == 0 ? halves : halves >> 16)),
          FloatFromBf16(static_cast<uint16_t>(MultiplierBits(scale)))};
}

uint8_t CodeAt(const Nvfp4Matrix& weight, int64_t row, int64_t col) {
  const uint8_t byte = weight.codes[row * (weight.cols / 2) + col / 2];
  return static_cast<uint8_t>(col % 2 == 0 ? byte & 0xF : byte >> 4);
}

float ValueAt(const Nvfp4Matrix& weight, int64_t row, int64_t col) {
  const uint8_t scale = weight.block_scales[row * (weight.cols / kNvfp4Block) + col / kNvfp4Block];
  return DequantizeElement(CodeAt(weight, row, col), scale, 1.0f);
}

/// Every element, padding included, decodes exactly; `value(row, col)` says to what.
template <typename Value>
void ExpectDecodes(const std::vector<uint8_t>& packed, int64_t padded_rows, int64_t cols,
                   const Value& value) {
  for (int64_t row = 0; row < padded_rows; ++row) {
    for (int64_t col = 0; col < PackedColTiles(cols) * kPackCols; ++col) {
      const Element element = Decode(packed, cols, row, col);
      const float product = element.code_times_unit * element.multiplier;
      ASSERT_EQ(RoundToBf16(product), product) << row << ", " << col;  // BF16 loses nothing
      ASSERT_EQ(product * kPackUnit, value(row, col)) << row << ", " << col;
    }
  }
}

TEST(PackTest, RoundTripIsExactForOddShapes) {
  for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 16}, {7, 48}, {16, 64}, {17, 80}, {33, 192}, {48, 272}, {130, 576}}) {
    const OwnedWeight weight = RandomWeight(rows, cols, static_cast<uint64_t>(rows * 1000 + cols));
    const std::vector<uint8_t> packed = Pack(weight.view());
    const OwnedWeight back = Unpack(packed, rows, cols);
    EXPECT_EQ(back.codes, weight.codes) << rows << " x " << cols;
    EXPECT_EQ(back.scales, weight.scales) << rows << " x " << cols;
  }
}

TEST(PackTest, DecodesToTheDefinitionsValuesAndPaddingToZero) {
  const OwnedWeight weight = RandomWeight(37, 144, 5);
  const std::vector<uint8_t> packed = Pack(weight.view());
  ExpectDecodes(packed, 48, 144, [&](int64_t row, int64_t col) {
    return row < 37 && col < 144 ? ValueAt(weight.view(), row, col) : 0.0f;
  });
}

/// 256 blocks, one for each scale byte, each with all 16 codes.
OwnedWeight EveryScaleAndCode() {
  OwnedWeight weight(16, 256);
  for (size_t i = 0; i < weight.codes.size(); ++i)
    weight.codes[i] = static_cast<uint8_t>(2 * (i % 8) | (2 * (i % 8) + 1) << 4);
  for (size_t i = 0; i < weight.scales.size(); ++i)
    weight.scales[i] = IsE4m3Nan(static_cast<uint8_t>(i)) ? 0 : static_cast<uint8_t>(i);
  return weight;
}

TEST(PackTest, EveryScaleByteAndCodeDecodesExactly) {
  const OwnedWeight weight = EveryScaleAndCode();
  ExpectDecodes(Pack(weight.view()), 16, 256,
                [&](int64_t row, int64_t col) { return ValueAt(weight.view(), row, col); });
}

TEST(PackTest, SignedZeroSurvives) {
  const OwnedWeight weight = RandomWeight(16, 64, 6);
  const std::vector<uint8_t> packed = Pack(weight.view());
  for (int64_t row = 0; row < 16; ++row) {
    for (int64_t col = 0; col < 64; ++col) {
      EXPECT_EQ(std::signbit(Decode(packed, 64, row, col).code_times_unit),
                CodeAt(weight.view(), row, col) >= 8);
    }
  }
}

TEST(PackTest, ZeroAndNegativeScalesBecomeTheirCanonicalEqual) {
  const OwnedWeight weight = EveryScaleAndCode();
  const OwnedWeight back = Unpack(Pack(weight.view()), 16, 256);
  for (size_t block = 0; block < 256; ++block) {
    const uint8_t scale = weight.scales[block];
    const bool zero = (scale & 0x7F) == 0;
    EXPECT_EQ(back.scales[block], zero ? kE4m3One : scale & 0x7F);
    for (size_t i = 0; i < 8; ++i) {
      const uint8_t codes = weight.codes[8 * block + i];
      EXPECT_EQ(back.codes[8 * block + i], zero ? 0 : scale >= 0x80 ? codes ^ 0x88 : codes);
    }
  }
}

TEST(PackTest, RangesOfTilesMakeTheWhole) {
  const OwnedWeight weight = RandomWeight(100, 128, 7);
  const std::vector<uint8_t> whole = Pack(weight.view());
  std::vector<uint8_t> pieces(whole.size(), 0xEE);
  for (int64_t first = 0; first < 7; first += 3) {
    PackNvfp4(weight.view(), first, std::min<int64_t>(3, 7 - first),
              pieces.data() + first * PackedBytes(16, 128));
  }
  EXPECT_EQ(pieces, whole);
}

TEST(PackTest, GateAndUpAlternateByEightRows) {
  const OwnedWeight gate = RandomWeight(20, 80, 8);
  const OwnedWeight up = RandomWeight(20, 80, 9);
  std::vector<uint8_t> packed(static_cast<size_t>(GateUpBytes(20, 80)), 0xEE);
  PackGateUp(gate.view(), up.view(), 0, GateUpRowTiles(20), packed.data());
  ExpectDecodes(packed, 48, 80, [&](int64_t row, int64_t col) {
    const OwnedWeight& source = row % 16 < 8 ? gate : up;
    const int64_t source_row = row / 16 * 8 + row % 8;
    return source_row < 20 && col < 80 ? ValueAt(source.view(), source_row, col) : 0.0f;
  });
}

}  // namespace
}  // namespace facet::cuda
