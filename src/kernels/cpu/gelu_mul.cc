// The gate of the MLP. ref/gelu_mul.cc says what. gelu_tanh(z) = z / (1 + exp(-2 u)) with u =
// sqrt(2 / pi) (z + 0.044715 z^3), which has no cancellation; in double, so that the only rounding
// that matters is the last.
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gelu_mul.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format off: after foreach_target.h, as every -inl.h
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#include "kernels/cpu/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void GeluMulValues(const float* gate, const float* up, int64_t count, float* out) {
  const double scale = -2 * std::sqrt(2 / std::numbers::pi);
  ForLanes(hn::ScalableTag<double>(), count, [&](auto d, int64_t i) HWY_ATTR {
    const hn::Rebind<float, decltype(d)> half;
    const auto z = hn::PromoteTo(d, hn::LoadU(half, gate + i));
    const auto cube = hn::Mul(hn::Mul(z, z), z);
    const auto u = hn::Mul(hn::Set(d, scale), hn::MulAdd(hn::Set(d, 0.044715), cube, z));
    // hn::Exp is good up to 706; beyond, the gate is zero in float anyway.
    const auto exponential = hn::Exp(d, hn::Min(u, hn::Set(d, 700.0)));
    const auto gelu = hn::Div(z, hn::Add(hn::Set(d, 1.0), exponential));
    const auto value = hn::Mul(gelu, hn::PromoteTo(d, hn::LoadU(half, up + i)));
    hn::StoreU(hn::DemoteTo(half, value), half, out + i);
  });
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
HWY_EXPORT(GeluMulValues);

void CpuBackend::GeluMul(ConstMatrix gate, ConstMatrix up, Matrix out) {
  constexpr int64_t kGrain = 2048;
  pool_.ParallelFor(out.rows * out.cols, kGrain, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(GeluMulValues)
    (gate.data + begin, up.data + begin, end - begin, out.data + begin);
  });
}

}  // namespace facet
#endif
