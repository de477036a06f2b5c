#include "kernels/backend_factory.h"

#include "base/thread_pool.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

namespace facet {

Result<std::unique_ptr<Backend>> MakeBackend(std::string_view name, int threads) {
  if (threads < 0)
    return Fail(ErrorCode::kUsage, "--threads {}: expected 1 or more, or 0 for all", threads);
  if (name == "ref") return std::make_unique<RefBackend>();
  if (name == "cpu") {
    if (threads == 0) threads = ThreadPool::UsableProcessors();
    return std::make_unique<CpuBackend>(threads);
  }
  return Fail(ErrorCode::kUsage, "unknown backend '{}': expected cpu or ref", name);
}

}  // namespace facet
