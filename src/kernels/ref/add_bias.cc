// A bias vector added to every row.
#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"

namespace facet {

void RefBackend::AddBias(const uint16_t* bias, Matrix x) {
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t i = 0; i < x.cols; ++i) x.row(t)[i] += FloatFromBf16(bias[i]);
  }
}

}  // namespace facet
