// The largest values of a row. kernels/backend.h says what. Values become 64-bit keys in the order
// of RankedValue, so that sorting needs one comparison: blocks sort parts of a row and keep k of
// each, one block sorts what they kept.
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace facet::cuda {
namespace {

constexpr int kPart = 2048;  ///< values of a row that one block sorts
constexpr int kThreads = 512;
constexpr int kFew = 8;  ///< taken one by one
/// Keys that one block can hold: 128 KB of shared memory.
constexpr int64_t kMostKeys = 16384;

/// Larger for values that rank before: NaN, then by value, then the lower column.
__device__ uint64_t KeyOf(float value, int32_t column) {
  const uint32_t bits = value == 0 ? 0 : __float_as_uint(value);  // both zeros are equal
  uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  if (value != value) ordered = 0xFFFFFFFEu;  // below the bound of TakeLargest()
  return uint64_t{ordered} << 32 | (0xFFFFFFFFu - static_cast<uint32_t>(column));
}
__device__ RankedValue ValueOf(uint64_t key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  const uint32_t bits = (ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered;
  return {static_cast<int32_t>(0xFFFFFFFFu - static_cast<uint32_t>(key)), __uint_as_float(bits)};
}

/// Sorts `count` keys, a power of two, the largest first: a bitonic network.
__device__ void Sort(uint64_t* keys, int count) {
  for (int size = 2; size <= count; size *= 2) {
    for (int step = size / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int i = static_cast<int>(threadIdx.x); i < count / 2; i += kThreads) {
        const int low = 2 * i - (i & (step - 1));
        const int high = low + step;
        const bool descending = (low & size) == 0;
        if ((keys[low] < keys[high]) == descending) {
          const uint64_t key = keys[low];
          keys[low] = keys[high];
          keys[high] = key;
        }
      }
    }
  }
  __syncthreads();
}

/// The largest of every thread's keys, in all threads.
__device__ uint64_t BlockLargest(uint64_t key) {
  __shared__ uint64_t largest[kThreads / 32];
  for (int step = 16; step > 0; step /= 2) {
    const uint64_t other = __shfl_xor_sync(~0u, key, step);
    key = other > key ? other : key;
  }
  __syncthreads();  // the last call's have been read
  if (threadIdx.x % 32 == 0) largest[threadIdx.x / 32] = key;
  __syncthreads();
  key = 0;
  for (const uint64_t of_warp : largest) key = of_warp > key ? of_warp : key;
  return key;
}

/// The k largest of a part by k passes, quicker than sorting for a few. Keys are distinct.
__device__ void TakeLargest(const uint64_t* keys, int k, uint64_t* out) {
  uint64_t bound = ~uint64_t{0};
  for (int rank = 0; rank < k; ++rank) {
    uint64_t largest = 0;
    for (int i = static_cast<int>(threadIdx.x); i < kPart; i += kThreads) {
      if (keys[i] < bound && keys[i] > largest) largest = keys[i];
    }
    bound = BlockLargest(largest);
    if (threadIdx.x == 0) out[rank] = bound;
  }
}

/// Part blockIdx.x of row blockIdx.y: its k largest to kept[row][part][k]. Zero keys fill up.
__global__ void __launch_bounds__(kThreads) KeepLargest(ConstMatrix x, int k, uint64_t* kept) {
  __shared__ uint64_t keys[kPart];
  const float* row = x.data + blockIdx.y * x.cols;
  for (int i = static_cast<int>(threadIdx.x); i < kPart; i += kThreads) {
    const int64_t column = int64_t{blockIdx.x} * kPart + i;
    keys[i] = column < x.cols ? KeyOf(row[column], static_cast<int32_t>(column)) : 0;
  }
  uint64_t* out = kept + (int64_t{blockIdx.y} * gridDim.x + blockIdx.x) * k;
  if (k <= kFew) {
    TakeLargest(keys, k, out);
    return;
  }
  Sort(keys, kPart);
  for (int i = static_cast<int>(threadIdx.x); i < k; i += kThreads) out[i] = keys[i];
}

/// The k largest of a row's `count` kept keys, which `padded` powers of two hold.
__global__ void __launch_bounds__(kThreads)
    RankKept(const uint64_t* kept, int count, int padded, int k, RankedValue* out) {
  extern __shared__ uint64_t row_keys[];
  for (int i = static_cast<int>(threadIdx.x); i < padded; i += kThreads) {
    row_keys[i] = i < count ? kept[int64_t{blockIdx.x} * count + i] : 0;
  }
  Sort(row_keys, padded);
  for (int i = static_cast<int>(threadIdx.x); i < k; i += kThreads) {
    out[int64_t{blockIdx.x} * k + i] = ValueOf(row_keys[i]);
  }
}

int PowerOfTwoFrom(int64_t count) {
  int power = 2;
  while (power < count) power *= 2;
  return power;
}

}  // namespace

bool CudaBackend::TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) {
  const int64_t parts = (x.cols + kPart - 1) / kPart;
  if (k > kPart || parts * k > kMostKeys) return false;
  const int64_t kept_bytes = x.rows * parts * k * static_cast<int64_t>(sizeof(uint64_t));
  const int64_t out_bytes = x.rows * k * static_cast<int64_t>(sizeof(RankedValue));
  auto* kept = static_cast<uint64_t*>(ranking_.Reserve(*this, kept_bytes + out_bytes));
  auto* ranked = reinterpret_cast<RankedValue*>(kept + x.rows * parts * k);
  const auto rows = static_cast<unsigned>(x.rows);
  KeepLargest<<<dim3(static_cast<unsigned>(parts), rows), kThreads, 0, stream_>>>(
      x, static_cast<int>(k), kept);
  CheckLaunch();
  const int padded = PowerOfTwoFrom(parts * k);
  const int shared = padded * static_cast<int>(sizeof(uint64_t));
  Check(cudaFuncSetAttribute(RankKept, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
  RankKept<<<rows, kThreads, static_cast<size_t>(shared), stream_>>>(
      kept, static_cast<int>(parts * k), padded, static_cast<int>(k), ranked);
  CheckLaunch();
  Check(cudaMemcpyAsync(out.data(), ranked, static_cast<size_t>(out_bytes), cudaMemcpyDeviceToHost,
                        stream_));
  Check(cudaStreamSynchronize(stream_));
  return true;
}

}  // namespace facet::cuda
