#include "kernels/cuda/pack.h"

#include <array>
#include <cstring>

#include "base/check.h"

namespace facet::cuda {
namespace {

constexpr int64_t kBlocks = kPackCols / kNvfp4Block;  // scale blocks of a record's row

/// PlacePair() of every byte: [pair][byte].
constexpr auto kPlaced = [] {
  std::array<std::array<uint32_t, 256>, 4> table{};
  for (size_t pair = 0; pair < 4; ++pair) {
    for (size_t byte = 0; byte < 256; ++byte)
      table[pair][byte] = PlacePair(static_cast<int>(pair), static_cast<uint32_t>(byte));
  }
  return table;
}();

/// Where a tile's row comes from; null pointers for a row of padding.
struct SourceRow {
  const uint8_t* codes = nullptr;
  const uint8_t* scales = nullptr;
};
using TileRows = std::array<SourceRow, kPackRows>;

SourceRow RowOf(const Nvfp4Matrix& weight, int64_t row) {
  if (row >= weight.rows) return {};
  return {weight.codes + row * (weight.cols / 2),
          weight.block_scales + row * (weight.cols / kNvfp4Block)};
}

/// One scale block of a row: its codes, and its scale byte as records hold it.
struct SourceBlock {
  uint64_t codes = 0;
  uint8_t scale = kPackScaleOne;
};

SourceBlock BlockOf(const SourceRow& row, int64_t block, int64_t blocks) {
  if (row.codes == nullptr || block >= blocks) return {};
  SourceBlock result;
  std::memcpy(&result.codes, row.codes + 8 * block, 8);
  const uint8_t scale = row.scales[block];
  result.codes = CanonicalCodes(result.codes, scale);
  result.scale = CanonicalScale(scale);
  return result;
}

size_t ByteOf(uint64_t codes, int64_t index) { return (codes >> (8 * index)) & 0xFF; }

/// Words j of the four lanes that own rows g and g + 8.
void PackWords(uint64_t upper, uint64_t lower, int64_t g, int64_t j, uint8_t* record) {
  for (int64_t t = 0; t < 4; ++t) {
    const uint32_t word = kPlaced[0][ByteOf(upper, t)] | kPlaced[1][ByteOf(lower, t)] |
                          kPlaced[2][ByteOf(upper, t + 4)] | kPlaced[3][ByteOf(lower, t + 4)];
    std::memcpy(record + 16 * (4 * g + t) + 4 * j, &word, 4);
  }
}

void PackRecord(const TileRows& rows, int64_t col_tile, int64_t blocks, uint8_t* record) {
  for (int64_t g = 0; g < 8; ++g) {
    uint8_t* scales = record + kPackCodeBytes + 8 * g;
    for (int64_t j = 0; j < kBlocks; ++j) {
      const int64_t block = col_tile * kBlocks + j;
      const SourceBlock upper = BlockOf(rows[static_cast<size_t>(g)], block, blocks);
      const SourceBlock lower = BlockOf(rows[static_cast<size_t>(g + 8)], block, blocks);
      PackWords(upper.codes, lower.codes, g, j, record);
      scales[j] = upper.scale;
      scales[kBlocks + j] = lower.scale;
    }
  }
}

void PackTile(const TileRows& rows, int64_t cols, uint8_t* out) {
  for (int64_t k = 0; k < PackedColTiles(cols); ++k)
    PackRecord(rows, k, cols / kNvfp4Block, out + k * kPackRecordBytes);
}

/// The code of `pair` in the low half of a word.
uint32_t CodeOf(int pair, uint32_t word) {
  const uint32_t bits = PairBits(pair, word);
  return (bits >> 12 & 8) | (bits >> 6 & 7);
}

/// Two codes as a file holds them.
uint8_t FileByte(int pair, uint32_t word) {
  return static_cast<uint8_t>(CodeOf(pair, word) | CodeOf(pair, word >> 16) << 4);
}

}  // namespace

void PackNvfp4(const Nvfp4Matrix& weight, int64_t first_tile, int64_t tile_count, uint8_t* out) {
  FACET_CHECK(weight.cols % kNvfp4Block == 0);
  FACET_CHECK(first_tile >= 0 && first_tile + tile_count <= PackedRowTiles(weight.rows));
  for (int64_t tile = 0; tile < tile_count; ++tile) {
    TileRows rows;
    for (int64_t i = 0; i < kPackRows; ++i)
      rows[static_cast<size_t>(i)] = RowOf(weight, (first_tile + tile) * kPackRows + i);
    PackTile(rows, weight.cols, out + tile * PackedBytes(kPackRows, weight.cols));
  }
}

void PackGateUp(const Nvfp4Matrix& gate, const Nvfp4Matrix& up, int64_t first_tile,
                int64_t tile_count, uint8_t* out) {
  FACET_CHECK(gate.cols % kNvfp4Block == 0);
  FACET_CHECK(gate.rows == up.rows && gate.cols == up.cols);
  FACET_CHECK(first_tile >= 0 && first_tile + tile_count <= GateUpRowTiles(gate.rows));
  for (int64_t tile = 0; tile < tile_count; ++tile) {
    TileRows rows;
    for (int64_t i = 0; i < 8; ++i) {
      const int64_t row = (first_tile + tile) * 8 + i;
      rows[static_cast<size_t>(i)] = RowOf(gate, row);
      rows[static_cast<size_t>(i + 8)] = RowOf(up, row);
    }
    PackTile(rows, gate.cols, out + tile * PackedBytes(kPackRows, gate.cols));
  }
}

void UnpackNvfp4(const uint8_t* packed, int64_t rows, int64_t cols, uint8_t* codes,
                 uint8_t* block_scales) {
  FACET_CHECK(cols % kNvfp4Block == 0);
  const int64_t col_tiles = PackedColTiles(cols);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t g = row % 8;
    const int lower = row % kPackRows >= 8 ? 1 : 0;
    const uint8_t* tile = packed + row / kPackRows * col_tiles * kPackRecordBytes;
    for (int64_t block = 0; block < cols / kNvfp4Block; ++block) {
      const uint8_t* record = tile + block / kBlocks * kPackRecordBytes;
      const int64_t j = block % kBlocks;
      for (int64_t i = 0; i < 8; ++i) {
        uint32_t word = 0;
        std::memcpy(&word, record + 16 * (4 * g + i % 4) + 4 * j, 4);
        const int pair = lower + (i >= 4 ? 2 : 0);
        codes[row * (cols / 2) + 8 * block + i] = FileByte(pair, word);
      }
      block_scales[row * (cols / kNvfp4Block) + block] =
          UnpackScale(record[kPackCodeBytes + 8 * g + kBlocks * lower + j]);
    }
  }
}

}  // namespace facet::cuda
