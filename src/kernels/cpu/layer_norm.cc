// Layer norm over each row. ref/layer_norm.cc says what; all in double, as there.
#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/layer_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::VFromD<D> LoadDouble(D d, const float* source) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), source));
}

/// Sum over i of term(x[i]), lane by lane.
template <class Term>
HWY_INLINE double SumOf(const float* x, int64_t cols, const Term& term) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= cols; i += lanes) sum = hn::Add(sum, term(d, LoadDouble(d, x + i)));
  double total = hn::GetLane(hn::SumOfLanes(d, sum));
  const hn::CappedTag<double, 1> one;
  for (; i < cols; ++i) total += hn::GetLane(term(one, LoadDouble(one, x + i)));
  return total;
}

void LayerNormRow(const float* x, const uint16_t* weight, const uint16_t* bias, double eps,
                  int64_t cols, float* out) {
  const auto count = static_cast<double>(cols);
  const double mean = SumOf(x, cols, [](auto, auto value) HWY_ATTR { return value; }) / count;
  const double squares = SumOf(x, cols, [&](auto d, auto value) HWY_ATTR {
    const auto centred = hn::Sub(value, hn::Set(d, mean));
    return hn::Mul(centred, centred);
  });
  const double inverse = 1 / std::sqrt(squares / count + eps);
  ForLanes(hn::ScalableTag<double>(), cols, [&](auto d, int64_t i) HWY_ATTR {
    const hn::Rebind<float, decltype(d)> half;
    const auto normed =
        hn::Mul(hn::Sub(LoadDouble(d, x + i), hn::Set(d, mean)), hn::Set(d, inverse));
    const auto scale = hn::PromoteTo(d, LoadBf16(half, weight + i));
    const auto offset = hn::PromoteTo(d, LoadBf16(half, bias + i));
    hn::StoreU(hn::DemoteTo(half, hn::MulAdd(normed, scale, offset)), half, out + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(LayerNormRow);

void CpuBackend::LayerNorm(ConstMatrix x, const uint16_t* weight, const uint16_t* bias, double eps,
                           Matrix out) {
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      HWY_DYNAMIC_DISPATCH(LayerNormRow)(x.row(t), weight, bias, eps, x.cols, out.row(t));
    }
  });
}

}  // namespace facet
#endif
