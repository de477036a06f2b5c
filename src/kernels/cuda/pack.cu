#include "kernels/cuda/pack_device.h"
#include "kernels/cuda/pack_format.h"

namespace facet::cuda {
namespace {

constexpr int kBlockCols = 16;  // columns that share a scale
constexpr int kWarpsPerBlock = 8;

/// Both sources of a packed matrix. A plain weight has tiles of 16 rows of its own; gate and up
/// take 8 rows each.
struct Sources {
  DeviceNvfp4 upper;        // rows 0..7 of a tile
  DeviceNvfp4 lower;        // rows 8..15
  int64_t tile_rows = 0;    // rows of a source from a tile to the next
  int64_t lower_first = 0;  // the source row of a tile's row 8
};

/// The bytes t and t + 4 of a scale block, and its scale; zeros outside the weight.
struct LaneBlock {
  uint32_t first = 0;
  uint32_t second = 0;
  uint8_t scale = kPackScaleOne;
};

__device__ LaneBlock ReadBlock(const DeviceNvfp4& weight, int64_t row, int64_t block, int t) {
  LaneBlock result;
  if (row >= weight.rows || block >= weight.cols / kBlockCols) return result;
  const uint8_t scale = weight.block_scales[row * (weight.cols / kBlockCols) + block];
  const uint8_t* codes = weight.codes + row * (weight.cols / 2) + 8 * block;
  // Only two bytes of the block's codes are this lane's.
  const uint64_t both = CanonicalCodes(codes[t] | uint64_t{codes[t + 4]} << 8, scale);
  result.first = both & 0xFF;
  result.second = both >> 8 & 0xFF;
  result.scale = CanonicalScale(scale);
  return result;
}

/// One warp a record.
__global__ void PackKernel(Sources sources, int64_t col_tiles, int64_t records, uint8_t* packed) {
  const int64_t record = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.x / 32;
  if (record >= records) return;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4;
  const int t = lane % 4;
  const int64_t first_row = record / col_tiles * sources.tile_rows + g;
  uint32_t words[4];
  uint32_t scales[2] = {0, 0};
  for (int j = 0; j < 4; ++j) {
    const int64_t block = record % col_tiles * 4 + j;
    const LaneBlock upper = ReadBlock(sources.upper, first_row, block, t);
    const LaneBlock lower = ReadBlock(sources.lower, first_row + sources.lower_first, block, t);
    words[j] = PlacePair(0, upper.first) | PlacePair(1, lower.first) | PlacePair(2, upper.second) |
               PlacePair(3, lower.second);
    scales[0] |= uint32_t{upper.scale} << (8 * j);
    scales[1] |= uint32_t{lower.scale} << (8 * j);
  }
  uint8_t* out = packed + record * kPackRecordBytes;
  *reinterpret_cast<uint4*>(out + 16 * lane) = {words[0], words[1], words[2], words[3]};
  if (t == 0) *reinterpret_cast<uint2*>(out + kPackCodeBytes + 8 * g) = {scales[0], scales[1]};
}

cudaError_t Launch(const Sources& sources, int64_t row_tiles, uint8_t* packed,
                   cudaStream_t stream) {
  const int64_t col_tiles = PackedColTiles(sources.upper.cols);
  const int64_t records = row_tiles * col_tiles;
  const int64_t blocks = (records + kWarpsPerBlock - 1) / kWarpsPerBlock;
  PackKernel<<<static_cast<unsigned>(blocks), 32 * kWarpsPerBlock, 0, stream>>>(sources, col_tiles,
                                                                                records, packed);
  return cudaGetLastError();
}

}  // namespace

cudaError_t PackNvfp4OnDevice(const DeviceNvfp4& weight, uint8_t* packed, cudaStream_t stream) {
  if (weight.rows <= 0 || weight.cols <= 0 || weight.cols % kBlockCols != 0)
    return cudaErrorInvalidValue;
  return Launch({weight, weight, kPackRows, 8}, PackedRowTiles(weight.rows), packed, stream);
}

cudaError_t PackGateUpOnDevice(const DeviceNvfp4& gate, const DeviceNvfp4& up, uint8_t* packed,
                               cudaStream_t stream) {
  if (gate.rows <= 0 || gate.cols <= 0 || gate.cols % kBlockCols != 0 || gate.rows != up.rows ||
      gate.cols != up.cols)
    return cudaErrorInvalidValue;
  return Launch({gate, up, 8, 0}, (gate.rows + 7) / 8, packed, stream);
}

}  // namespace facet::cuda
