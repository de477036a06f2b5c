// How far a backend may be from ref, per operation, and why. "rms" is relative to the root mean
// square of the expected matrix, "relative" to each value: see testing/compare.h. One rounding to
// float is at most 2^-24 = 6.0e-8.
#pragma once

#include "testing/compare.h"

namespace facet::testing {

/// Of one backend. Embedding, residual, bias, positions and cache leave no freedom anywhere: one
/// product, or a sum of the same terms in the same order.
struct Tolerances {
  Tolerance rms_norm;
  Tolerance layer_norm;
  Tolerance rope;
  Tolerance gelu_mul;
  Tolerance soft_cap;
  Tolerance linear;
  Tolerance linear_w4a4;
  Tolerance attention;
  Tolerance regrouped;         ///< attention of the same rows in other calls
  Tolerance regrouped_linear;  ///< linears of the same rows in other calls
  Tolerance residual_norm;     ///< the residual stream after a normed projection was added
  Tolerance activations;       ///< what linears and attention read, as the backend rounds it
};

inline constexpr Tolerances kCpuTolerances{
    // Rounded inverse, product, product, and ref's own last rounding: four.
    .rms_norm = {.relative = 2.4e-7},
    // In double up to the last rounding; the centred value may cancel against the bias.
    .layer_norm = {.rms = 1e-12, .relative = 1.2e-7},
    // A float product, a fused float product and ref's rounding, where the two terms may cancel.
    .rope = {.rms = 5e-7, .relative = 1.2e-7},
    // In double up to the last rounding; ref's 1 + tanh cancels for large negative gates, which
    // leaves about 1e-16 of the value's scale.
    .gelu_mul = {.rms = 1e-13, .relative = 1.3e-7},
    .soft_cap = {.rms = 1e-13, .relative = 1.3e-7},
    // BF16: float sums of up to 15,360 products. Rounding errors walk randomly, about sqrt(cols /
    // (4 chains x lanes)) x 6e-8 of the sum's own spread, and a few times that at worst. NVFP4:
    // exact sums of 16, activations rounded by at most 1.2e-7 of the largest of 16 neighbours, a
    // float sum of cols / 128 terms a lane.
    .linear = {.rms = 4e-6},
    // Exact sums of 16; a float sum of cols / 128 terms a lane.
    .linear_w4a4 = {.rms = 2e-6},
    // Scores in float (an error e of a score is a relative error e of its probability; scores of
    // the suite stay below 10, products of 512 terms), exponentials to 2 ulp, a float sum over
    // positions.
    .attention = {.rms = 8e-6},
    .regrouped = kExact,
    .regrouped_linear = kExact,
    .residual_norm = {.rms = 4e-7, .relative = 2.4e-7},
    // Products of linears, normed and turned.
    .activations = {.rms = 2e-5}};

/// Linear layers and attention are given inputs that BF16 holds: what the backend rounds them to is
/// no error.
inline constexpr Tolerances kCudaTolerances{
    .rms_norm = {.relative = 2.4e-7},
    .layer_norm = {.rms = 1e-12, .relative = 1.2e-7},
    .rope = {.rms = 5e-7, .relative = 1.2e-7},
    // An exponential whose argument, up to 88 in magnitude, is rounded to float.
    .gelu_mul = {.rms = 1e-13, .relative = 1e-5},
    .soft_cap = {.rms = 1e-13, .relative = 4e-7},
    // The matrix unit adds groups of products with fewer bits than float32: 2^-20 or so each.
    .linear = {.rms = 5e-5},
    .linear_w4a4 = {.rms = 5e-5},
    // Probabilities are rounded to BF16, 2^-9 each; sums over positions average that.
    .attention = {.rms = 1e-2, .relative = 4e-3},
    // Both are rounded to BF16: a unit in the last place is 2^-7 of the value at most.
    .regrouped = {.rms = 1e-2, .relative = 8e-3},
    // Few tokens and many have kernels of their own, which add in different orders.
    .regrouped_linear = {.rms = 5e-5},
    .residual_norm = {.rms = 4e-7, .relative = 2.4e-7},
    // Rounded to BF16: 2^-9; and the error of a linear layer before that.
    .activations = {.rms = 2e-4, .relative = 4e-3}};

}  // namespace facet::testing
