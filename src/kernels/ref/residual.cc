// The residual stream: add, then scale.
#include "kernels/ref/ref_backend.h"

namespace facet {

void RefBackend::Residual(ConstMatrix x, float scale, Matrix residual) {
  for (int64_t i = 0; i < x.rows * x.cols; ++i)
    residual.data[i] = (residual.data[i] + x.data[i]) * scale;
}

}  // namespace facet
