#include "kernels/cuda/limits.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <cuda_runtime_api.h>

#include "kernels/cuda/check.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/limits_device.h"
#include "tensor/buffer.h"

namespace facet::cuda {
namespace {

/// A stream and two events around work on it.
class Stopwatch {
 public:
  Stopwatch() {
    Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    Check(cudaEventCreate(&start_));
    Check(cudaEventCreate(&stop_));
  }
  ~Stopwatch() {
    cudaEventDestroy(start_);
    cudaEventDestroy(stop_);
    cudaStreamDestroy(stream_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  cudaStream_t stream() const { return stream_; }

  double Seconds(const std::function<void()>& work) {
    Check(cudaEventRecord(start_, stream_));
    work();
    Check(cudaEventRecord(stop_, stream_));
    Check(cudaEventSynchronize(stop_));
    float milliseconds = 0;
    Check(cudaEventElapsedTime(&milliseconds, start_, stop_));
    return static_cast<double>(milliseconds) / 1e3;
  }

  /// Of `runs` (odd), after two that do not count.
  double MedianSeconds(int runs, const std::function<void()>& work) {
    std::vector<double> seconds;
    for (int i = 0; i < runs + 2; ++i) seconds.push_back(Seconds(work));
    seconds.erase(seconds.begin(), seconds.begin() + 2);
    std::ranges::sort(seconds);
    return seconds[static_cast<size_t>(runs / 2)];
  }

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
};

Buffer DeviceMemory(int64_t bytes) {
  void* data = nullptr;
  Check(cudaMalloc(&data, static_cast<size_t>(bytes)));
  return {data, bytes, [](void* memory, int64_t) { cudaFree(memory); }};
}

double MeasureReading(Stopwatch& watch, int multiprocessors) {
  constexpr int64_t kWanted = int64_t{1} << 31;  // 40 times an H100's cache
  size_t free = 0;
  size_t total = 0;
  Check(cudaMemGetInfo(&free, &total));
  const int64_t half = static_cast<int64_t>(free) / 2 / kReadStep * kReadStep;
  const int64_t bytes = std::clamp(half, kReadStep, kWanted);
  const Buffer data = DeviceMemory(bytes);
  const Buffer sink = DeviceMemory(sizeof(uint32_t));
  Check(FillRandom(data.as<void>(), bytes, watch.stream()));
  const double seconds = watch.MedianSeconds(21, [&] {
    Check(ReadMemory(data.as<void>(), bytes, multiprocessors, sink.as<uint32_t>(), watch.stream()));
  });
  return static_cast<double>(bytes) / seconds;
}

double MeasureProducts(Stopwatch& watch, int multiprocessors) {
  constexpr int kRounds = 4000;  // about 10 ms on an H100
  const Buffer sink = DeviceMemory(sizeof(float));
  const double seconds = watch.MedianSeconds(15, [&] {
    Check(MultiplyMatrices(kRounds, multiprocessors, sink.as<float>(), watch.stream()));
  });
  return MultiplyOperations(kRounds, multiprocessors) / seconds;
}

}  // namespace

Result<DeviceLimits> MeasureLimits(int device) {
  FACET_TRY(const DeviceProperties properties, UsableDevice(device));
  Check(cudaSetDevice(device));
  int multiprocessors = 0;
  Check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  Stopwatch watch;
  DeviceLimits limits;
  limits.device = properties.name;
  limits.read = MeasureReading(watch, multiprocessors);
  // Weights of every kind, decoded to BF16, meet activations in the same instruction.
  limits.bf16 = limits.w4a16 = limits.w4a4 = MeasureProducts(watch, multiprocessors);
  limits.arithmetic = "BF16 products on the matrix units, operands in shared memory";
  return limits;
}

}  // namespace facet::cuda
