// New keys or values into a cache ring. ref/append_cache.cc says what.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"

namespace facet {

void CpuBackend::AppendCache(ConstMatrix rows, int64_t first_position, int64_t capacity,
                             void* cache) {
  auto* ring = static_cast<float*>(cache);
  // Rows more than one turn of the ring before the end would be overwritten, by another thread
  // perhaps.
  const int64_t first = std::max<int64_t>(0, rows.rows - capacity);
  ParallelRows(rows.rows - first, rows.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = first + begin; t < first + end; ++t) {
      std::copy_n(rows.row(t), rows.cols, ring + (first_position + t) % capacity * rows.cols);
    }
  });
}

}  // namespace facet
