// out = x W^T for a BF16 weight and float32 activations. ref/linear.cc says what.
//
// Weights are widened in registers, a chunk of eight vectors of N floats at a time (N: the
// processor's lanes): the even and the odd weights of N words each. The activations are put into
// the same order once a call. One token multiplies straight from the registers. Several tokens
// widen panels of twelve rows, which stay in the cache, and multiply tiles of 3 rows x 4 tokens.
//
// Every output has four running sums (chains) of N lanes: chain c takes the vectors i of each chunk
// with i % 4 = c, one fused multiply-add each, in the order of the chunks; then the chains are
// added, then the lanes. One token and several do the same additions in the same order, so a
// token's result does not depend on its neighbours, nor on the number of threads.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_bf16.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FACET_KERNELS_CPU_LINEAR_BF16_SIZES_
#define FACET_KERNELS_CPU_LINEAR_BF16_SIZES_
namespace facet {
namespace {

constexpr int64_t kVectors = 8;  // of a chunk
constexpr int64_t kChains = 4;   // one chain would wait for each addition
constexpr int64_t kStrip = 256;  // weights of a row and chain that are widened at a time: 1 KiB
constexpr int64_t kPanel = kChains * kStrip;
constexpr int64_t kPanelRows = 12;   // strips of 12 rows and 4 tokens fill half of a 32 KiB cache
constexpr int64_t kTokenBlock = 64;  // tokens that share a widened panel
constexpr int64_t kRowTile = 3;      // 3 x 4 sums, 3 weights and 1 activation fill 16 registers
constexpr int64_t kTokenTile = 4;
constexpr int64_t kMaxLanes = 16;

constexpr int64_t PanelsOf(int64_t cols) { return (cols + kPanel - 1) / kPanel; }

/// A thread's memory for SeveralTokens.
struct Bf16Scratch {
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
using VF = hn::Vec<F>;
constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
constexpr int64_t kChunk = kVectors * kLanes;

/// Which weight of a chunk is in `lane` of vector i.
constexpr int64_t ElementOf(int64_t i, int64_t lane) {
  return i / 2 * 2 * kLanes + lane * 2 + i % 2;
}

/// Activations in the order of the widened weights: [panels, chains, tokens, kStrip], zeros behind
/// the end.
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
          const int64_t k = begin + ElementOf(i, lane);
          if (k < x.cols) target[lane] = x.row(t)[k];
        }
      }
    }
  }
}

HWY_INLINE void WidenChunk(const uint16_t* source, VF (&out)[kVectors]) {
  for (int64_t i = 0; i < kVectors; i += 2) {
    const auto values = hn::LoadU(hn::ScalableTag<uint16_t>(), source + i * kLanes);
    const auto words = hn::BitCast(U32(), values);
    out[i] = hn::BitCast(F(), hn::ShiftLeft<16>(words));
    out[i + 1] = hn::BitCast(F(), hn::And(words, hn::Set(U32(), 0xFFFF0000u)));
  }
}

/// A chunk of which `count` weights exist; the rest of a last one counts as zeros.
HWY_INLINE void LoadChunk(const uint16_t* source, int64_t count, VF (&out)[kVectors]) {
  if (count >= kChunk) {
    WidenChunk(source, out);
    return;
  }
  uint16_t padded[kChunk] = {};
  std::copy_n(source, count, padded);
  WidenChunk(padded, out);
}

/// What the chains of one output add up to.
HWY_INLINE float SumOfChains(VF a, VF b, VF c, VF d) {
  return hn::GetLane(hn::SumOfLanes(F(), hn::Add(hn::Add(a, b), hn::Add(c, d))));
}

/// The dot product of a row with one token.
float MultiplyRow(const uint16_t* row, int64_t cols, const float* x) {
  VF sums[kChains] = {hn::Zero(F()), hn::Zero(F()), hn::Zero(F()), hn::Zero(F())};
  for (int64_t begin = 0; begin < cols; begin += kPanel, x += kPanel) {
    const int64_t count = std::min(kPanel, cols - begin);
    const auto add = [&](int64_t first, int64_t present) HWY_ATTR {
      VF weights[kVectors];
      LoadChunk(row + begin + first, present, weights);
      for (int64_t i = 0; i < kVectors; ++i) {
        const float* values = x + i % kChains * kStrip + first / kChains + i / kChains * kLanes;
        sums[i % kChains] = hn::MulAdd(weights[i], hn::Load(F(), values), sums[i % kChains]);
      }
    };
    int64_t first = 0;
    for (; first + kChunk <= count; first += kChunk) add(first, kChunk);
    if (first < count) add(first, count - first);
  }
  return SumOfChains(sums[0], sums[1], sums[2], sums[3]);
}

/// `count` weights of a row, widened. strips: [kChains, kPanelRows, kStrip] from this row on.
HWY_INLINE void WidenPanel(const uint16_t* row, int64_t count, float* strips) {
  for (int64_t first = 0; first < count; first += kChunk) {
    VF weights[kVectors];
    LoadChunk(row + first, count - first, weights);
    for (int64_t i = 0; i < kVectors; ++i) {
      float* strip = strips + i % kChains * kPanelRows * kStrip;
      hn::Store(weights[i], F(), strip + first / kChains + i / kChains * kLanes);
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
void SeveralTokens(const Bf16Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
                   Bf16Scratch& scratch) {
  const int64_t rows = end - begin;
  const int64_t tokens = out.rows;
  const int64_t chain_sums = kPanelRows * tokens * kLanes;
  std::fill_n(scratch.sums, kChains * chain_sums, 0.0f);
  for (int64_t panel = 0; panel < PanelsOf(weight.cols); ++panel) {
    const int64_t count = std::min(kPanel, weight.cols - panel * kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      WidenPanel(weight.data + (begin + r) * weight.cols + panel * kPanel, count,
                 scratch.weights[0][r]);
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
      out.row(t)[begin + r] = SumOfChains(chain(0), chain(1), chain(2), chain(3));
    }
  }
}

/// Rows [begin, end) for all tokens of `out`; at most kPanelRows for more than one token.
void Bf16Rows(const Bf16Matrix& weight, int64_t begin, int64_t end, const float* x, Matrix out,
              Bf16Scratch& scratch) {
  if (out.rows > 1) {
    SeveralTokens(weight, begin, end, x, out, scratch);
    return;
  }
  for (int64_t n = begin; n < end; ++n) {
    out.data[n] = MultiplyRow(weight.data + n * weight.cols, weight.cols, x);
  }
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {

HWY_EXPORT(PackActivations);
HWY_EXPORT(Bf16Rows);

void CpuBackend::LinearBf16(const Bf16Matrix& weight, ConstMatrix x, Matrix out) {
  constexpr int64_t kOneTokenRows = 16;  // a piece of about 0.1 MiB at the model's sizes
  const int64_t scratch_bytes = pool_.threads() * static_cast<int64_t>(sizeof(Bf16Scratch));
  const int64_t packed_bytes = PanelsOf(x.cols) * std::min(kTokenBlock, x.rows) * kPanel * 4;
  auto* scratch = static_cast<Bf16Scratch*>(Scratch(scratch_bytes + packed_bytes));
  auto* packed = reinterpret_cast<float*>(scratch + pool_.threads());
  for (int64_t first = 0; first < x.rows; first += kTokenBlock) {
    const int64_t tokens = std::min(kTokenBlock, x.rows - first);
    const Matrix part = out.Rows(first, tokens);
    HWY_DYNAMIC_DISPATCH(PackActivations)(x.Rows(first, tokens), packed);
    const int64_t grain = tokens == 1 ? kOneTokenRows : kPanelRows;
    pool_.ParallelFor(weight.rows, grain, [&](int64_t begin, int64_t end, int worker) {
      HWY_DYNAMIC_DISPATCH(Bf16Rows)(weight, begin, end, packed, part, scratch[worker]);
    });
  }
}

}  // namespace facet
#endif
