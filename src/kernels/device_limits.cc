#include "kernels/device_limits.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/backend_factory.h"
#include "kernels/cpu/yardstick.h"
#include "kernels/device_info.h"

#ifdef FACET_CUDA
#include "kernels/cuda/limits.h"
#endif

namespace facet {
namespace {

double MedianOf(int runs, const std::function<double()>& measure) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(runs));
  for (int i = 0; i < runs; ++i) values.push_back(measure());
  const auto middle = values.begin() + runs / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

DeviceLimits MeasureHost(int threads) {
  constexpr int64_t kBytes = int64_t{1} << 27;  // 10 ms at 13 GB/s
  constexpr double kOperations = 1e9;
  // Activations of W4A16 are three digits of 8 bits (cpu/linear_nvfp4.cc), those of W4A4 one.
  constexpr double kDigits = 3;
  Yardstick yardstick(threads);
  DeviceLimits limits;
  limits.device =
      fmt::format("{}, {} thread{}", DetectDevice().processor, threads, threads == 1 ? "" : "s");
  limits.read = kBytes / MedianOf(9, [&] { return yardstick.ReadSeconds(kBytes); });
  limits.bf16 = kOperations / MedianOf(31, [&] { return yardstick.MultiplySeconds(kOperations); });
  limits.w4a4 =
      kOperations / MedianOf(31, [&] { return yardstick.MultiplyBytesSeconds(kOperations); });
  limits.w4a16 = limits.w4a4 / kDigits;
  limits.arithmetic =
      "float multiply-adds for BF16, products of 8-bit numbers for W4A4, a third of them for W4A16";
  return limits;
}

#ifdef FACET_CUDA
Result<DeviceLimits> MeasureCard(int device) { return cuda::MeasureLimits(device); }
#else
Result<DeviceLimits> MeasureCard(int) {
  return Fail(ErrorCode::kUnsupported, "this facet was built without CUDA");
}
#endif

}  // namespace

Result<DeviceLimits> MeasureDeviceLimits(std::string_view backend, int threads) {
  FACET_TRY(const BackendName name, ResolveBackend(backend));
  switch (name.kind) {
    case BackendKind::kCuda:
      return MeasureCard(name.device);
    case BackendKind::kRef:
      return MeasureHost(1);
    case BackendKind::kCpu:
      break;
  }
  return MeasureHost(threads > 0 ? threads : ThreadPool::UsableProcessors());
}

}  // namespace facet
