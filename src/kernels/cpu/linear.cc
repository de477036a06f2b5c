// out = x W^T with float32 activations. ref/linear.cc says what.
//
// Weights are decoded in the registers from the checkpoint's own layout, a chunk at a time:
// `kVectors` vectors of N floats, N the processor's lanes. Lane l of a chunk's vectors holds the
// neighbours [kVectors l, kVectors (l + 1)), which is how shifts and masks find them in the packed
// bytes; the activations are put into the same order once a call. One token multiplies straight
// from the registers; several tokens decode twelve rows into a panel that stays in the first-level
// cache and multiply tiles of 3 rows x 4 tokens.
//
// Every sum has the same order whatever the tokens: lane by lane, chunk after chunk, vector after
// vector, one fused multiply-add each, then the lanes, then the scale. So a token's result does not
// depend on its neighbours.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"
#include "tensor/e2m1.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FACET_KERNELS_CPU_LINEAR_SIZES_
#define FACET_KERNELS_CPU_LINEAR_SIZES_
namespace facet {
namespace {

constexpr int64_t kPanel = 256;  // weights of a row that are decoded at a time, 1 KiB as floats
constexpr int64_t kPanelRows =
    12;  // 12 KiB of weights beside 4 KiB of activations in a 32 KiB cache
constexpr int64_t kTokenBlock = 128;  // tokens that share a decoded panel
constexpr int64_t kRowTile = 3;       // 3 x 4 sums, 3 weights and 1 activation fill 16 registers
constexpr int64_t kTokenTile = 4;
constexpr int64_t kMaxLanes = 16;

constexpr int64_t PanelsOf(int64_t cols) { return (cols + kPanel - 1) / kPanel; }

/// A thread's memory for LinearTokens.
struct LinearScratch {
  alignas(64) float weights[kPanelRows * kPanel];
  alignas(64) float sums[kPanelRows * kTokenBlock * kMaxLanes];
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

/// One row of a BF16 matrix: a 32-bit word holds two neighbours.
struct Bf16Row {
  static constexpr int64_t kVectors = 2;
  static constexpr int64_t kChunk = kVectors * kLanes;
  static constexpr int64_t kOrder[kVectors] = {0, 1};

  Bf16Row(const Bf16Matrix& weight, int64_t row) : data(weight.data + row * weight.cols) {}

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
    const auto words = hn::BitCast(U32(), hn::LoadU(hn::ScalableTag<uint16_t>(), source));
    out[0] = hn::BitCast(F(), hn::ShiftLeft<16>(words));
    out[1] = hn::BitCast(F(), hn::And(words, hn::Set(U32(), 0xFFFF0000u)));
  }
  static float Finish(float sum, float) { return sum; }

  const uint16_t* data;
};

/// One row of an NVFP4 matrix: a 32-bit word holds eight neighbours, half of a scale block. A
/// decoded value is 2^17 x code x block scale, exactly: the doubled code as the upper byte of an
/// integer (2^25), the scale's bits read as a half-precision number (2^-8).
struct Nvfp4Row {
  static constexpr int64_t kVectors = 8;
  static constexpr int64_t kChunk = kVectors * kLanes;
  static constexpr int64_t kOrder[kVectors] = {0, 2, 4, 6, 1, 3, 5, 7};  // low nibbles, then high

  Nvfp4Row(const Nvfp4Matrix& weight, int64_t row)
      : codes(weight.codes + row * weight.cols / 2),
        scales(weight.block_scales + row * weight.cols / kNvfp4Block) {}

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

  /// The chunk's block scales x 2^-8, each in the two lanes of its block.
  static HWY_INLINE VF DecodeScales(const uint8_t* source) {
    using Packed = std::conditional_t<kLanes == 8, uint32_t, uint64_t>;
    Packed packed;
    std::memcpy(&packed, source, sizeof(packed));
    alignas(16) static constexpr uint8_t kSpread[32] = {
        0x80, 0, 0x80, 0, 0x80, 1, 0x80, 1, 0x80, 2, 0x80, 2, 0x80, 3, 0x80, 3,
        0x80, 4, 0x80, 4, 0x80, 5, 0x80, 5, 0x80, 6, 0x80, 6, 0x80, 7, 0x80, 7};
    const hn::Rebind<int16_t, F> d16;
    const hn::Rebind<hwy::float16_t, F> half;
    const hn::Repartition<uint8_t, decltype(d16)> d8;
    const auto bytes = hn::BitCast(d8, hn::Set(hn::Repartition<Packed, decltype(d8)>(), packed));
    const auto spread = hn::TableLookupBytes(bytes, hn::Load(d8, kSpread));
    // s eeee mmm 0000 0000 -> s 0 eeee mmm 000 0000, half precision with an exponent bias 8 larger.
    const auto shifted = hn::ShiftRight<1>(hn::BitCast(d16, spread));
    const auto bits = hn::And(shifted, hn::Set(d16, static_cast<int16_t>(0xBFFF)));
    return hn::PromoteTo(F(), hn::BitCast(half, bits));
  }

  static HWY_INLINE void DecodeBytes(const uint8_t* source, const uint8_t* block_scales,
                                     VF (&out)[kVectors]) {
    const hn::ScalableTag<uint8_t> d8;
    const hn::ScalableTag<uint16_t> d16;
    const auto table =
        hn::BitCast(d8, hn::LoadDup128(hn::ScalableTag<int8_t>(), kE2m1Doubled.data()));
    const auto nibble = hn::Set(d8, uint8_t{0x0F});
    const auto bytes = hn::LoadU(d8, source);
    const auto low = hn::And(bytes, nibble);
    const auto high = hn::And(hn::BitCast(d8, hn::ShiftRight<4>(hn::BitCast(d16, bytes))), nibble);
    const VF scale = DecodeScales(block_scales);
    Spread(hn::BitCast(I32(), hn::TableLookupBytes(table, low)), scale, out);
    Spread(hn::BitCast(I32(), hn::TableLookupBytes(table, high)), scale, out + 4);
  }

  /// The four bytes of each lane as floats x 2^24, scaled.
  static HWY_INLINE void Spread(hn::Vec<I32> bytes, VF scale, VF* out) {
    const auto top = hn::Set(I32(), static_cast<int32_t>(0xFF000000u));
    out[0] = hn::Mul(hn::ConvertTo(F(), hn::ShiftLeft<24>(bytes)), scale);
    out[1] = hn::Mul(hn::ConvertTo(F(), hn::And(hn::ShiftLeft<16>(bytes), top)), scale);
    out[2] = hn::Mul(hn::ConvertTo(F(), hn::And(hn::ShiftLeft<8>(bytes), top)), scale);
    out[3] = hn::Mul(hn::ConvertTo(F(), hn::And(bytes, top)), scale);
  }
  static float Finish(float sum, float global_scale) { return sum * 0x1.0p-17f * global_scale; }

  const uint8_t* codes;
  const uint8_t* scales;
};

/// Activations in the decoder's order: [panels, tokens, kPanel], zeros behind the end.
template <class Row>
void PackActivations(ConstMatrix x, float* packed) {
  for (int64_t panel = 0; panel < PanelsOf(x.cols); ++panel) {
    for (int64_t t = 0; t < x.rows; ++t) {
      const float* source = x.row(t) + panel * kPanel;
      const int64_t count = std::min(kPanel, x.cols - panel * kPanel);
      float* target = packed + (panel * x.rows + t) * kPanel;
      if (count < kPanel) std::fill_n(target, kPanel, 0.0f);
      for (int64_t begin = 0; begin < count; begin += Row::kChunk) {
        for (int64_t i = 0; i < Row::kVectors; ++i) {
          for (int64_t lane = 0; lane < kLanes; ++lane) {
            const int64_t k = begin + lane * Row::kVectors + Row::kOrder[i];
            if (k < count) target[begin + i * kLanes + lane] = source[k];
          }
        }
      }
    }
  }
}

/// sums[r] += the chunk's products, for rows that start at rows[r].
template <class Row, int64_t kRows>
HWY_INLINE void MultiplyChunk(const Row (&rows)[kRows], int64_t chunk, int64_t count,
                              const float* x, VF (&sums)[kRows]) {
  for (int64_t r = 0; r < kRows; ++r) {
    VF weights[Row::kVectors];
    if (count == Row::kChunk) {
      rows[r].Decode(chunk, weights);
    } else {
      rows[r].DecodeTail(chunk, count, weights);
    }
    for (int64_t i = 0; i < Row::kVectors; ++i) {
      sums[r] = hn::MulAdd(weights[i], hn::LoadU(F(), x + i * kLanes), sums[r]);
    }
  }
}

/// kRows outputs of one token, from row n on.
template <class Row, int64_t kRows, class WeightMatrix, size_t... kIndex>
HWY_INLINE void MultiplyRows(const WeightMatrix& weight, float global_scale, int64_t n,
                             const float* x, float* out, std::index_sequence<kIndex...>) {
  const Row rows[kRows] = {Row(weight, n + static_cast<int64_t>(kIndex))...};
  VF sums[kRows];
  for (VF& sum : sums) sum = hn::Zero(F());
  const int64_t full = weight.cols / Row::kChunk;
  for (int64_t chunk = 0; chunk < full; ++chunk) {
    MultiplyChunk<Row, kRows>(rows, chunk, Row::kChunk, x + chunk * Row::kChunk, sums);
  }
  const int64_t rest = weight.cols - full * Row::kChunk;
  if (rest != 0) MultiplyChunk<Row, kRows>(rows, full, rest, x + full * Row::kChunk, sums);
  for (int64_t r = 0; r < kRows; ++r) {
    out[n + r] = Row::Finish(hn::GetLane(hn::SumOfLanes(F(), sums[r])), global_scale);
  }
}

template <class Row, int64_t kRows, class WeightMatrix>
HWY_INLINE void MultiplyRows(const WeightMatrix& weight, float global_scale, int64_t n,
                             const float* x, float* out) {
  MultiplyRows<Row, kRows>(weight, global_scale, n, x, out,
                           std::make_index_sequence<static_cast<size_t>(kRows)>());
}

/// Rows [begin, end) for one token.
template <class Row, class WeightMatrix>
void OneToken(const WeightMatrix& weight, float global_scale, int64_t begin, int64_t end,
              const float* x, float* out) {
  int64_t n = begin;
  for (; n + 4 <= end; n += 4) MultiplyRows<Row, 4>(weight, global_scale, n, x, out);
  for (; n < end; ++n) MultiplyRows<Row, 1>(weight, global_scale, n, x, out);
}

/// Panel `panel` of a row, decoded.
template <class Row>
HWY_INLINE void DecodePanel(const Row& row, int64_t panel, int64_t count, float* out) {
  constexpr int64_t kChunks = kPanel / Row::kChunk;
  for (int64_t chunk = 0; chunk * Row::kChunk < count; ++chunk) {
    VF weights[Row::kVectors];
    const int64_t rest = count - chunk * Row::kChunk;
    if (rest >= Row::kChunk) {
      row.Decode(panel * kChunks + chunk, weights);
    } else {
      row.DecodeTail(panel * kChunks + chunk, rest, weights);
    }
    for (int64_t i = 0; i < Row::kVectors; ++i) {
      hn::Store(weights[i], F(), out + (chunk * Row::kVectors + i) * kLanes);
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
    for (int64_t r = 0; r < kRowTile; ++r)
      w[r] = hn::Load(F(), weights + r * kPanel + step * kLanes);
    for (int64_t t = 0; t < kTokens; ++t) {
      const VF value = hn::Load(F(), x + t * kPanel + step * kLanes);
      for (int64_t r = 0; r < kRowTile; ++r) tile[r][t] = hn::MulAdd(w[r], value, tile[r][t]);
    }
  }
  for (int64_t r = 0; r < kRowTile; ++r) {
    for (int64_t t = 0; t < kTokens; ++t) {
      hn::Store(tile[r][t], F(), sums + r * row_stride + t * kLanes);
    }
  }
}

/// All tiles of one panel.
void MultiplyPanel(const float* weights, int64_t rows, const float* x, int64_t tokens,
                   int64_t steps, float* sums) {
  const int64_t stride = tokens * kLanes;
  for (int64_t t = 0; t < tokens; t += kTokenTile) {
    for (int64_t r = 0; r < rows; r += kRowTile) {
      const float* w = weights + r * kPanel;
      const float* values = x + t * kPanel;
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

/// Rows [begin, end), at most kPanelRows, for several tokens. A last tile of less than kRowTile
/// rows multiplies left-overs of the panel and drops the sums.
template <class Row, class WeightMatrix>
void SeveralTokens(const WeightMatrix& weight, float global_scale, int64_t begin, int64_t end,
                   const float* x, Matrix out, LinearScratch& scratch) {
  const int64_t rows = end - begin;
  std::fill_n(scratch.sums, kPanelRows * out.rows * kLanes, 0.0f);
  for (int64_t panel = 0; panel < PanelsOf(weight.cols); ++panel) {
    const int64_t count = std::min(kPanel, weight.cols - panel * kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      DecodePanel(Row(weight, begin + r), panel, count, scratch.weights + r * kPanel);
    }
    const int64_t chunks = (count + Row::kChunk - 1) / Row::kChunk;
    MultiplyPanel(scratch.weights, rows, x + panel * out.rows * kPanel, out.rows,
                  chunks * Row::kVectors, scratch.sums);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < out.rows; ++t) {
      const VF sum = hn::Load(F(), scratch.sums + (r * out.rows + t) * kLanes);
      out.row(t)[begin + r] = Row::Finish(hn::GetLane(hn::SumOfLanes(F(), sum)), global_scale);
    }
  }
}

void PackForBf16(ConstMatrix x, float* packed) { PackActivations<Bf16Row>(x, packed); }
void PackForNvfp4(ConstMatrix x, float* packed) { PackActivations<Nvfp4Row>(x, packed); }

void Bf16Rows(const Bf16Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
              LinearScratch& scratch) {
  if (out.rows == 1) {
    OneToken<Bf16Row>(weight, 1.0f, begin, end, x, out.data);
  } else {
    SeveralTokens<Bf16Row>(weight, 1.0f, begin, end, x, out, scratch);
  }
}

void Nvfp4Rows(const Nvfp4Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
               LinearScratch& scratch) {
  if (out.rows == 1) {
    OneToken<Nvfp4Row>(weight, weight.global_scale, begin, end, x, out.data);
  } else {
    SeveralTokens<Nvfp4Row>(weight, weight.global_scale, begin, end, x, out, scratch);
  }
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
