#include "kernels/backend_factory.h"

#include <charconv>
#include <optional>

#include "base/thread_pool.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

#ifdef FACET_CUDA
#include "kernels/cuda/device.h"
#endif

namespace facet {
namespace {

#ifdef FACET_CUDA
Result<std::unique_ptr<Backend>> MakeCudaBackend(int device) { return cuda::MakeBackend(device); }

/// The first card, if facet has code for it, as people know it.
Result<std::string> UsableCard() {
  FACET_TRY(const cuda::DeviceProperties card, cuda::UsableDevice(0));
  return fmt::format("{}, compute capability {}.{}", card.name, card.major, card.minor);
}
#else
Result<std::string> UsableCard() { return Fail(ErrorCode::kUnsupported, "built without CUDA"); }

Result<std::unique_ptr<Backend>> MakeCudaBackend(int) {
  return Fail(ErrorCode::kUnsupported,
              "this facet was built without CUDA: build it with `cmake --preset cuda`");
}
#endif

/// N of "cuda:N", 0 for "cuda"; nothing for other names.
std::optional<int> CudaDevice(std::string_view name) {
  if (name == "cuda") return 0;
  constexpr std::string_view kPrefix = "cuda:";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  int device = -1;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), device);
  if (error != std::errc() || stop != name.data() + name.size() || device < 0) return std::nullopt;
  return device;
}

std::unique_ptr<Backend> MakeCpuBackend(int threads) {
  return std::make_unique<CpuBackend>(threads > 0 ? threads : ThreadPool::UsableProcessors());
}

}  // namespace

BackendChoice ChooseBackend() {
  const Result<std::string> card = UsableCard();
  if (card) return {"cuda", *card};
  return {"cpu", card.error().message};
}

Result<BackendName> ResolveBackend(std::string_view name) {
  if (name == "auto") return ResolveBackend(ChooseBackend().name);
  if (name == "ref") return BackendName{.kind = BackendKind::kRef};
  if (name == "cpu") return BackendName{.kind = BackendKind::kCpu};
  if (const std::optional<int> device = CudaDevice(name)) {
    return BackendName{.kind = BackendKind::kCuda, .device = *device};
  }
  return Fail(ErrorCode::kUsage, "unknown backend '{}': expected auto, cpu, cuda, cuda:N or ref",
              name);
}

Result<std::unique_ptr<Backend>> MakeBackend(std::string_view name, int threads) {
  if (threads < 0)
    return Fail(ErrorCode::kUsage, "--threads {}: expected 1 or more, or 0 for all", threads);
  FACET_TRY(const BackendName resolved, ResolveBackend(name));
  switch (resolved.kind) {
    case BackendKind::kRef:
      return std::make_unique<RefBackend>();
    case BackendKind::kCuda:
      return MakeCudaBackend(resolved.device);
    case BackendKind::kCpu:
      break;
  }
  return MakeCpuBackend(threads);
}

}  // namespace facet
