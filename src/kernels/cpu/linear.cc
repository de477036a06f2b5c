// out = x W^T with float32 activations. ref/linear.cc says what.
//
// Weights are decoded in registers from the checkpoint's own layout, a chunk of eight vectors of N
// floats at a time (N: the processor's lanes), in the order in which shifts and shuffles find them
// in the packed bytes; the activations are put into the same order once a call. One token
// multiplies straight from the registers. Several tokens decode panels of twelve rows, which stay
// in the cache, and multiply them in tiles of 3 rows x 4 tokens.
//
// Every output has four running sums (chains) of N lanes: chain c takes the vectors i of each chunk
// with i % 4 = c, one fused multiply-add each, in the order of the chunks; then the chains are
// added, then the lanes, then comes the scale. One token and several do the same additions in the
// same order, so a token's result does not depend on its neighbours, nor on the number of threads.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/nvfp4_decode-inl.h"

#ifndef FACET_KERNELS_CPU_LINEAR_SIZES_
#define FACET_KERNELS_CPU_LINEAR_SIZES_
namespace facet {
namespace {

constexpr int64_t kVectors = 8;  // of a chunk
constexpr int64_t kChains = 4;   // one chain would wait for each addition
constexpr int64_t kStrip = 256;  // weights of a row and chain that are decoded at a time: 1 KiB
constexpr int64_t kPanel = kChains * kStrip;
constexpr int64_t kPanelRows = 12;   // strips of 12 rows and 4 tokens fill half of a 32 KiB cache
constexpr int64_t kTokenBlock = 64;  // tokens that share a decoded panel
constexpr int64_t kRowTile = 3;      // 3 x 4 sums, 3 weights and 1 activation fill 16 registers
constexpr int64_t kTokenTile = 4;
constexpr int64_t kMaxLanes = 16;

constexpr int64_t PanelsOf(int64_t cols) { return (cols + kPanel - 1) / kPanel; }

// Byte shuffles of a 128-bit block; an index of 0x80 gives zero.
alignas(16) constexpr uint8_t kSecondToTop[16] = {0x80, 0x80, 0x80, 1, 0x80, 0x80, 0x80, 5,
                                                  0x80, 0x80, 0x80, 9, 0x80, 0x80, 0x80, 13};
alignas(16) constexpr uint8_t kThirdToTop[16] = {0x80, 0x80, 0x80, 2,  0x80, 0x80, 0x80, 6,
                                                 0x80, 0x80, 0x80, 10, 0x80, 0x80, 0x80, 14};

/// A thread's memory for SeveralTokens.
struct LinearScratch {
  alignas(64) float weights[kChains][kPanelRows][kStrip];
  alignas(64) float sums[kChains * kPanelRows * kTokenBlock * kMaxLanes];
};

}  // namespace
}  // namespace facet
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using U32 = hn::ScalableTag<uint32_t>;
using I32 = hn::ScalableTag<int32_t>;
using VF = hn::Vec<F>;
constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));

constexpr int64_t kChunk = kVectors * kLanes;

/// One row of a BF16 matrix. A 32-bit word holds two neighbours; N words give two vectors.
struct Bf16Row {
  Bf16Row(const Bf16Matrix& weight, int64_t row) : data(weight.data + row * weight.cols) {}

  /// Which weight of a chunk is in `lane` of vector i.
  static int64_t Element(int64_t i, int64_t lane) { return i / 2 * 2 * kLanes + lane * 2 + i % 2; }
  HWY_INLINE void Decode(int64_t chunk, VF (&out)[kVectors]) const {
    DecodeBytes(data + chunk * kChunk, out);
  }
  /// The last, shorter chunk; the rest counts as zeros.
  HWY_INLINE void DecodeTail(int64_t chunk, int64_t count, VF (&out)[kVectors]) const {
    uint16_t padded[kChunk] = {};
    std::copy_n(data + chunk * kChunk, count, padded);
    DecodeBytes(padded, out);
  }
  static HWY_INLINE void DecodeBytes(const uint16_t* source, VF (&out)[kVectors]) {
    for (int64_t i = 0; i < kVectors; i += 2) {
      const auto values = hn::LoadU(hn::ScalableTag<uint16_t>(), source + i * kLanes);
      const auto words = hn::BitCast(U32(), values);
      out[i] = hn::BitCast(F(), hn::ShiftLeft<16>(words));
      out[i + 1] = hn::BitCast(F(), hn::And(words, hn::Set(U32(), 0xFFFF0000u)));
    }
  }
  static float Finish(float sum, float) { return sum; }

  const uint16_t* data;
};

/// One row of an NVFP4 matrix: a 32-bit word holds eight neighbours, half of a scale block. A
/// decoded value is 2^17 x code x block scale, exactly: the doubled code as the upper byte of an
/// integer (2^25), the scale's bits read as a half-precision number (2^-8).
struct Nvfp4Row {
  Nvfp4Row(const Nvfp4Matrix& weight, int64_t row)
      : codes(weight.codes + row * weight.cols / 2),
        scales(weight.block_scales + row * weight.cols / kNvfp4Block) {}

  /// Low nibbles are the even weights and come first.
  static int64_t Element(int64_t i, int64_t lane) { return lane * 8 + i % 4 * 2 + i / 4; }

  HWY_INLINE void Decode(int64_t chunk, VF (&out)[kVectors]) const {
    DecodeBytes(codes + chunk * kChunk / 2, scales + chunk * kChunk / kNvfp4Block, out);
  }
  HWY_INLINE void DecodeTail(int64_t chunk, int64_t count, VF (&out)[kVectors]) const {
    uint8_t padded_codes[kChunk / 2] = {};
    uint8_t padded_scales[kChunk / kNvfp4Block] = {};
    std::copy_n(codes + chunk * kChunk / 2, count / 2, padded_codes);
    std::copy_n(scales + chunk * kChunk / kNvfp4Block, count / kNvfp4Block, padded_scales);
    DecodeBytes(padded_codes, padded_scales, out);
  }

  static HWY_INLINE void DecodeBytes(const uint8_t* source, const uint8_t* block_scales,
                                     VF (&out)[kVectors]) {
    const Nibbles nibbles = LoadNibbles(source);
    const auto table = hn::LoadDup128(hn::ScalableTag<uint8_t>(), kDoubledCodes.data());
    const VF scale = DecodeScales(block_scales);
    Spread(hn::TableLookupBytes(table, nibbles.low), scale, out);
    Spread(hn::TableLookupBytes(table, nibbles.high), scale, out + 4);
  }

  /// The four bytes of each lane, one a vector, as floats x 2^24, scaled.
  static HWY_INLINE void Spread(hn::Vec<hn::ScalableTag<uint8_t>> bytes, VF scale, VF* out) {
    const hn::ScalableTag<uint8_t> d8;
    const auto words = hn::BitCast(I32(), bytes);
    const auto top = hn::Set(I32(), static_cast<int32_t>(0xFF000000u));
    const auto second = hn::TableLookupBytes(bytes, hn::LoadDup128(d8, kSecondToTop));
    const auto third = hn::TableLookupBytes(bytes, hn::LoadDup128(d8, kThirdToTop));
    out[0] = hn::Mul(hn::ConvertTo(F(), hn::ShiftLeft<24>(words)), scale);
    out[1] = hn::Mul(hn::ConvertTo(F(), hn::BitCast(I32(), second)), scale);
    out[2] = hn::Mul(hn::ConvertTo(F(), hn::BitCast(I32(), third)), scale);
    out[3] = hn::Mul(hn::ConvertTo(F(), hn::And(words, top)), scale);
  }
  static float Finish(float sum, float global_scale) { return sum * 0x1.0p-17f * global_scale; }

  const uint8_t* codes;
  const uint8_t* scales;
};

/// Activations in the decoder's order: [panels, chains, tokens, kStrip], zeros behind the end.
template <class Row>
void PackActivations(ConstMatrix x, float* packed) {
  std::fill_n(packed, PanelsOf(x.cols) * x.rows * kPanel, 0.0f);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t begin = 0; begin < x.cols; begin += kChunk) {
      const int64_t panel = begin / kPanel;
      const int64_t in_strip = begin % kPanel / kChains;
      for (int64_t i = 0; i < kVectors; ++i) {
        const int64_t strip = (panel * kChains + i % kChains) * x.rows + t;
        float* target = packed + strip * kStrip + in_strip + i / kChains * kLanes;
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const int64_t k = begin + Row::Element(i, lane);
          if (k < x.cols) target[lane] = x.row(t)[k];
        }
      }
    }
  }
}

/// What the chains of one output add up to.
HWY_INLINE float SumOfChains(VF a, VF b, VF c, VF d) {
  return hn::GetLane(hn::SumOfLanes(F(), hn::Add(hn::Add(a, b), hn::Add(c, d))));
}

/// Chunk `chunk` of a row, of which `count` weights exist.
template <class Row>
HWY_INLINE void DecodeChunk(const Row& row, int64_t chunk, int64_t count, VF (&weights)[kVectors]) {
  if (count >= kChunk) {
    row.Decode(chunk, weights);
  } else {
    row.DecodeTail(chunk, count, weights);
  }
}

/// Output n of one token.
template <class Row, class WeightMatrix>
HWY_INLINE float MultiplyRow(const WeightMatrix& weight, float global_scale, int64_t n,
                             const float* x) {
  const Row row(weight, n);
  VF sums[kChains] = {hn::Zero(F()), hn::Zero(F()), hn::Zero(F()), hn::Zero(F())};
  for (int64_t begin = 0; begin < weight.cols; begin += kPanel, x += kPanel) {
    const int64_t count = std::min(kPanel, weight.cols - begin);
    const auto add = [&](int64_t chunk, int64_t rest) HWY_ATTR {
      VF weights[kVectors];
      DecodeChunk(row, begin / kChunk + chunk, rest, weights);
      for (int64_t i = 0; i < kVectors; ++i) {
        const float* values = x + i % kChains * kStrip + (chunk * 2 + i / kChains) * kLanes;
        sums[i % kChains] = hn::MulAdd(weights[i], hn::Load(F(), values), sums[i % kChains]);
      }
    };
    int64_t chunk = 0;
    for (; (chunk + 1) * kChunk <= count; ++chunk) add(chunk, kChunk);
    if (chunk * kChunk < count) add(chunk, count - chunk * kChunk);
  }
  return Row::Finish(SumOfChains(sums[0], sums[1], sums[2], sums[3]), global_scale);
}

/// Strips of one panel of a row, decoded. strips: [kChains, kPanelRows, kStrip] from this row on.
template <class Row>
HWY_INLINE void DecodePanel(const Row& row, int64_t panel, int64_t count, float* strips) {
  for (int64_t chunk = 0; chunk * kChunk < count; ++chunk) {
    VF weights[kVectors];
    DecodeChunk(row, panel * (kPanel / kChunk) + chunk, count - chunk * kChunk, weights);
    for (int64_t i = 0; i < kVectors; ++i) {
      float* strip = strips + i % kChains * kPanelRows * kStrip;
      hn::Store(weights[i], F(), strip + (chunk * 2 + i / kChains) * kLanes);
    }
  }
}

/// sums[r][t] += weights[r] x[t] over `steps` vectors, for kRowTile rows and kTokens tokens. sums
/// of a row are `row_stride` apart.
template <int64_t kTokens>
HWY_INLINE void MultiplyTile(const float* weights, const float* x, int64_t steps,
                             int64_t row_stride, float* sums) {
  VF tile[kRowTile][kTokens];
  for (int64_t r = 0; r < kRowTile; ++r) {
    for (int64_t t = 0; t < kTokens; ++t) {
      tile[r][t] = hn::Load(F(), sums + r * row_stride + t * kLanes);
    }
  }
  for (int64_t step = 0; step < steps; ++step) {
    VF w[kRowTile];
    for (int64_t r = 0; r < kRowTile; ++r) {
      w[r] = hn::Load(F(), weights + r * kStrip + step * kLanes);
    }
    for (int64_t t = 0; t < kTokens; ++t) {
      const VF value = hn::Load(F(), x + t * kStrip + step * kLanes);
      for (int64_t r = 0; r < kRowTile; ++r) tile[r][t] = hn::MulAdd(w[r], value, tile[r][t]);
    }
  }
  for (int64_t r = 0; r < kRowTile; ++r) {
    for (int64_t t = 0; t < kTokens; ++t) {
      hn::Store(tile[r][t], F(), sums + r * row_stride + t * kLanes);
    }
  }
}

/// All tiles of one chain's strips: weights [rows, kStrip], x [tokens, kStrip], sums [rows, tokens,
/// lanes]. A last tile of less than kRowTile rows multiplies what else is in memory there, and
/// nobody reads its sums.
void MultiplyStrips(const float* weights, int64_t rows, const float* x, int64_t tokens,
                    int64_t steps, float* sums) {
  const int64_t stride = tokens * kLanes;
  for (int64_t t = 0; t < tokens; t += kTokenTile) {
    for (int64_t r = 0; r < rows; r += kRowTile) {
      const float* w = weights + r * kStrip;
      const float* values = x + t * kStrip;
      float* tile = sums + r * stride + t * kLanes;
      switch (std::min(kTokenTile, tokens - t)) {
        case 1:
          MultiplyTile<1>(w, values, steps, stride, tile);
          break;
        case 2:
          MultiplyTile<2>(w, values, steps, stride, tile);
          break;
        case 3:
          MultiplyTile<3>(w, values, steps, stride, tile);
          break;
        default:
          MultiplyTile<kTokenTile>(w, values, steps, stride, tile);
          break;
      }
    }
  }
}

/// Rows [begin, end), at most kPanelRows, for several tokens.
template <class Row, class WeightMatrix>
void SeveralTokens(const WeightMatrix& weight, float global_scale, int64_t begin, int64_t end,
                   const float* x, Matrix out, LinearScratch& scratch) {
  const int64_t rows = end - begin;
  const int64_t tokens = out.rows;
  const int64_t chain_sums = kPanelRows * tokens * kLanes;
  std::fill_n(scratch.sums, kChains * chain_sums, 0.0f);
  for (int64_t panel = 0; panel < PanelsOf(weight.cols); ++panel) {
    const int64_t count = std::min(kPanel, weight.cols - panel * kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      DecodePanel(Row(weight, begin + r), panel, count, scratch.weights[0][r]);
    }
    const int64_t steps = (count + kChunk - 1) / kChunk * kVectors / kChains;
    for (int64_t chain = 0; chain < kChains; ++chain) {
      MultiplyStrips(scratch.weights[chain][0], rows,
                     x + (panel * kChains + chain) * tokens * kStrip, tokens, steps,
                     scratch.sums + chain * chain_sums);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < tokens; ++t) {
      const auto chain = [&](int64_t c) HWY_ATTR {
        return hn::Load(F(), scratch.sums + c * chain_sums + (r * tokens + t) * kLanes);
      };
      const float sum = SumOfChains(chain(0), chain(1), chain(2), chain(3));
      out.row(t)[begin + r] = Row::Finish(sum, global_scale);
    }
  }
}

/// Rows [begin, end) for all tokens of `out`.
template <class Row, class WeightMatrix>
void MultiplyRows(const WeightMatrix& weight, float global_scale, int64_t begin, int64_t end,
                  const float* x, Matrix out, LinearScratch& scratch) {
  if (out.rows > 1) {
    SeveralTokens<Row>(weight, global_scale, begin, end, x, out, scratch);
    return;
  }
  for (int64_t n = begin; n < end; ++n) {
    out.data[n] = MultiplyRow<Row>(weight, global_scale, n, x);
  }
}

void PackForBf16(ConstMatrix x, float* packed) { PackActivations<Bf16Row>(x, packed); }
void PackForNvfp4(ConstMatrix x, float* packed) { PackActivations<Nvfp4Row>(x, packed); }

void Bf16Rows(const Bf16Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
              LinearScratch& scratch) {
  MultiplyRows<Bf16Row>(weight, 1.0f, begin, end, x, out, scratch);
}

void Nvfp4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
               LinearScratch& scratch) {
  MultiplyRows<Nvfp4Row>(weight, weight.global_scale, begin, end, x, out, scratch);
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
namespace {

HWY_EXPORT(PackForBf16);
HWY_EXPORT(PackForNvfp4);
HWY_EXPORT(Bf16Rows);
HWY_EXPORT(Nvfp4Rows);

void Pack(const Bf16Matrix&, ConstMatrix x, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackForBf16)(x, packed);
}
void Pack(const Nvfp4Matrix&, ConstMatrix x, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackForNvfp4)(x, packed);
}
void MultiplyRows(const Bf16Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
                  LinearScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(Bf16Rows)(weight, begin, end, x, out, scratch);
}
void MultiplyRows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
                  LinearScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(Nvfp4Rows)(weight, begin, end, x, out, scratch);
}

}  // namespace

void CpuBackend::Linear(const Weight& weight, ConstMatrix x, Matrix out) {
  constexpr int64_t kOneTokenRows = 64;  // a piece of work of about 0.1 MiB at the model's sizes
  const int64_t scratch_bytes = pool_.threads() * static_cast<int64_t>(sizeof(LinearScratch));
  const int64_t block = std::min(kTokenBlock, x.rows);
  const int64_t packed_bytes = PanelsOf(x.cols) * block * kPanel * 4;
  auto* scratch = static_cast<LinearScratch*>(Scratch(scratch_bytes + packed_bytes));
  auto* packed = reinterpret_cast<float*>(scratch + pool_.threads());
  for (int64_t first = 0; first < x.rows; first += kTokenBlock) {
    const int64_t tokens = std::min(kTokenBlock, x.rows - first);
    const Matrix part = out.Rows(first, tokens);
    std::visit(
        [&](const auto& matrix) {
          Pack(matrix, x.Rows(first, tokens), packed);
          const int64_t grain = tokens == 1 ? kOneTokenRows : kPanelRows;
          pool_.ParallelFor(matrix.rows, grain, [&](int64_t begin, int64_t end, int worker) {
            MultiplyRows(matrix, begin, end, packed, part, scratch[worker]);
          });
        },
        weight);
  }
}

}  // namespace facet
#endif
