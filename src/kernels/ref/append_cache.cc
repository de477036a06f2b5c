// New keys or values into a cache ring.
#include <algorithm>

#include "kernels/ref/ref_backend.h"

namespace facet {

void RefBackend::AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                             void* cache) {
  auto* ring = static_cast<float*>(cache);
  for (int64_t t = 0; t < rows.rows; ++t) {
    std::copy_n(rows.row(t), rows.cols, ring + (first_position + t) % capacity * rows.cols);
  }
}

}  // namespace facet
