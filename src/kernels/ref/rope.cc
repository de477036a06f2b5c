// Rotary position embedding, halves paired: (i, i + head_dim / 2).
#include "kernels/ref/ref_backend.h"

namespace facet {

void RefBackend::Rope(Matrix x, const RopeAngles& angles) {
  const int64_t half = angles.cosines.cols;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t head = 0; head < x.cols; head += 2 * half) {
      float* first = x.row(t) + head;
      float* second = first + half;
      for (int64_t i = 0; i < half; ++i) {
        const double c = angles.cosines.row(t)[i];
        const double s = angles.sines.row(t)[i];
        const double a = first[i];
        const double b = second[i];
        first[i] = static_cast<float>(a * c - b * s);
        second[i] = static_cast<float>(b * c + a * s);
      }
    }
  }
}

}  // namespace facet
