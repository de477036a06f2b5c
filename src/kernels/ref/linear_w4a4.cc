// The W4A4 product, exact and independent of the order of addition: with scales as integers (512 x
// E4M3 is an integer below 2^18) and doubled codes, the whole dot product fits an int64 (spec
// nvfp4, section 6.1).
#include "kernels/ref/ref_backend.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

int64_t DoubledCode(const uint8_t* codes, int64_t k) {
  const int byte = codes[k / 2];
  return kE2m1Doubled[static_cast<size_t>(k % 2 == 0 ? byte & 0xF : byte >> 4)];
}

int64_t ScaleInteger(uint8_t scale) { return static_cast<int64_t>(FloatFromE4m3(scale) * 512.0f); }

/// Sum over blocks of (512 sA)(512 sW)(sum of doubled products): 2^20 times the dot product.
int64_t ScaledDot(const Nvfp4Matrix& weight, int64_t n, const Nvfp4Matrix& x, int64_t t) {
  const int64_t blocks = weight.cols / kNvfp4Block;
  int64_t total = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    int64_t sum = 0;
    for (int64_t k = b * kNvfp4Block; k < (b + 1) * kNvfp4Block; ++k) {
      sum += DoubledCode(weight.codes + n * weight.cols / 2, k) *
             DoubledCode(x.codes + t * x.cols / 2, k);
    }
    total += sum * ScaleInteger(weight.block_scales[n * blocks + b]) *
             ScaleInteger(x.block_scales[t * blocks + b]);
  }
  return total;
}

}  // namespace

void RefBackend::LinearW4A4(const Nvfp4Matrix& weight, const Nvfp4Matrix& x, Matrix out) {
  const float alpha = x.global_scale * weight.global_scale;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t n = 0; n < weight.rows; ++n) {
      const double dot = static_cast<double>(ScaledDot(weight, n, x, t)) * 0x1.0p-20;
      out.row(t)[n] = static_cast<float>(alpha * dot);
    }
  }
}

}  // namespace facet
