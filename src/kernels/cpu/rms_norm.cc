// RMS norm over each row. ref/rms_norm.cc says what; here the sum is in double, the product in
// float.
#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rms_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

double SumOfSquares(const float* x, int64_t cols) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  const auto add = [&](auto& sum, int64_t i) HWY_ATTR {
    const auto value = hn::PromoteTo(d, hn::LoadU(half, x + i));
    sum = hn::MulAdd(value, value, sum);
  };
  int64_t i = 0;
  for (; i + 4 * lanes <= cols; i += 4 * lanes) {
    add(sum0, i);
    add(sum1, i + lanes);
    add(sum2, i + 2 * lanes);
    add(sum3, i + 3 * lanes);
  }
  double rest = 0;
  for (; i < cols; ++i) rest += static_cast<double>(x[i]) * x[i];
  const auto sum = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  return hn::GetLane(hn::SumOfLanes(d, sum)) + rest;
}

void RmsNormRow(const float* x, const uint16_t* weight, double eps, int64_t cols, float* out) {
  const double mean = SumOfSquares(x, cols) / static_cast<double>(cols);
  const auto inverse = static_cast<float>(1 / std::sqrt(mean + eps));
  const hn::ScalableTag<float> tag;
  if (weight == nullptr) {
    ForLanes(tag, cols, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, inverse)), d, out + i);
    });
    return;
  }
  ForLanes(tag, cols, [&](auto d, int64_t i) HWY_ATTR {
    const auto normed = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, inverse));
    hn::StoreU(hn::Mul(normed, LoadBf16(d, weight + i)), d, out + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(RmsNormRow);

void CpuBackend::RmsNorm(ConstMatrix x, const uint16_t* weight, double eps, Matrix out) {
  ParallelRows(x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      HWY_DYNAMIC_DISPATCH(RmsNormRow)(x.row(t), weight, eps, x.cols, out.row(t));
    }
  });
}

}  // namespace facet
#endif
