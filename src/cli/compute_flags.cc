#include "cli/compute_flags.h"

#include "base/thread_pool.h"

namespace facet::cli {

void ComputeFlags::AddTo(CLI::App& command) {
  command.add_option("--backend", backend,
                     "cpu, cuda or cuda:N (card N), ref (the executable specification); auto: the "
                     "first card that can be used, or else cpu");
  AddThreadsTo(command);
}

void ComputeFlags::AddThreadsTo(CLI::App& command) {
  command.add_option("--threads", threads, "Threads; 0: every processor this process may use")
      ->check(CLI::Range(0, 1024));
}

int ComputeFlags::PoolSize() const {
  return threads > 0 ? threads : ThreadPool::UsableProcessors();
}

}  // namespace facet::cli
