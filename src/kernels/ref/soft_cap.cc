// The soft cap on logits.
#include <cmath>

#include "kernels/ref/ref_backend.h"

namespace facet {

void RefBackend::SoftCap(float cap, Matrix x) {
  const double bound = cap;
  for (int64_t i = 0; i < x.rows * x.cols; ++i) {
    x.data[i] = static_cast<float>(bound * std::tanh(x.data[i] / bound));
  }
}

}  // namespace facet
