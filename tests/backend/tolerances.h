// How far a backend may be from ref, per operation, and why. "rms" is relative to the root mean
// square of the expected matrix, "relative" to each value: see testing/compare.h. One rounding to
// float is at most 2^-24 = 6.0e-8.
#pragma once

#include "testing/compare.h"

namespace facet::testing {

/// One product, or a sum of the same terms in the same order: no freedom.
inline constexpr Tolerance kEmbedTolerance = kExact;
inline constexpr Tolerance kResidualTolerance = kExact;
inline constexpr Tolerance kAddBiasTolerance = kExact;
inline constexpr Tolerance kAddPositionsTolerance = kExact;
inline constexpr Tolerance kAppendCacheTolerance = kExact;

/// Rounded inverse, product, product, and ref's own last rounding: four.
inline constexpr Tolerance kRmsNormTolerance{.relative = 2.4e-7};

/// In double up to the last rounding; the centred value may cancel against the bias.
inline constexpr Tolerance kLayerNormTolerance{.rms = 1e-12, .relative = 1.2e-7};

/// A float product, a fused float product and ref's rounding, where the two terms may cancel.
inline constexpr Tolerance kRopeTolerance{.rms = 5e-7, .relative = 1.2e-7};

/// In double up to the last rounding; ref's 1 + tanh cancels for large negative gates, which leaves
/// about 1e-16 of the value's scale.
inline constexpr Tolerance kGeluMulTolerance{.rms = 1e-13, .relative = 1.3e-7};
inline constexpr Tolerance kSoftCapTolerance{.rms = 1e-13, .relative = 1.3e-7};

/// BF16: float sums of up to 15,360 products. Rounding errors walk randomly, about sqrt(cols / (4
/// chains x lanes)) x 6e-8 of the sum's own spread, and a few times that at worst. NVFP4: exact
/// sums of 16, activations rounded by at most 1.2e-7 of the largest of 16 neighbours, a float sum
/// of cols / 128 terms a lane.
inline constexpr Tolerance kLinearTolerance{.rms = 4e-6};

/// Exact sums of 16; a float sum of cols / 128 terms a lane.
inline constexpr Tolerance kLinearW4A4Tolerance{.rms = 2e-6};

/// Scores in float (an error e of a score is a relative error e of its probability; scores of the
/// suite stay below 10, products of 512 terms), exponentials to 2 ulp, a float sum over positions.
inline constexpr Tolerance kAttentionTolerance{.rms = 8e-6};

}  // namespace facet::testing
