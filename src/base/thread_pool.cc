#include "base/thread_pool.h"

#include <algorithm>
#include <fstream>
#include <string>

#include <sched.h>

#include "base/check.h"

namespace facet {
namespace {

// How often a waiting thread looks before it sleeps or yields: kernels of one step follow each
// other within microseconds, and waking a sleeping thread costs more than that. Some 50
// microseconds; longer would take the processor from others on a busy machine.
constexpr int kSpins = 2000;

void Relax() { __builtin_ia32_pause(); }

/// Processors that cgroup v2 grants ("200000 100000" is two), or a large number without a limit.
int CgroupProcessors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 1 << 20;
  return std::max(1, static_cast<int>(std::stod(quota) / period));
}

}  // namespace

int ThreadPool::UsableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int affinity = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::max(1, std::min(affinity, CgroupProcessors()));
}

ThreadPool::ThreadPool(int threads) {
  FACET_CHECK(threads >= 1);
  for (int worker = 1; worker < threads; ++worker) {
    workers_.emplace_back([this, worker] { WorkerLoop(worker); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  {
    const std::lock_guard lock(
        mutex_);  // a worker between its last look and its sleep has the lock
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Run(int64_t count, int64_t grain, Function function, const void* body) {
  FACET_CHECK(grain >= 1);
  if (count <= 0) return;
  if (workers_.empty() || count <= grain) {
    for (int64_t begin = 0; begin < count; begin += grain) {
      function(body, begin, std::min(begin + grain, count), 0);
    }
    return;
  }
  Open({function, body, count, grain});
  Drain(0);
  CloseAndWait();
}

void ThreadPool::Open(const Job& job) {
  FACET_CHECK(generation_ % 2 == 0);
  // A worker that came too late for the last job may still be leaving it; it does not look at job_.
  job_ = job;
  next_ = 0;
  ++generation_;
  if (sleeping_ == 0) return;
  {
    const std::lock_guard lock(mutex_);
  }
  wake_.notify_all();
}

void ThreadPool::CloseAndWait() {
  ++generation_;
  for (int spins = 0; active_ != 0; ++spins) {
    if (spins < kSpins) {
      Relax();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::Drain(int worker) {
  while (true) {
    const int64_t begin = next_.fetch_add(job_.grain, std::memory_order_relaxed);
    if (begin >= job_.count) return;
    job_.function(job_.body, begin, std::min(begin + job_.grain, job_.count), worker);
  }
}

bool ThreadPool::HasNews(uint64_t seen) const {
  const uint64_t generation = generation_;
  return stopping_ || (generation % 2 == 1 && generation != seen);
}

uint64_t ThreadPool::AwaitJob(uint64_t seen) {
  for (int spins = 0; spins < kSpins && !HasNews(seen); ++spins) Relax();
  if (!HasNews(seen)) {
    std::unique_lock lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, [&] { return HasNews(seen); });
    --sleeping_;
  }
  return stopping_ ? 0 : generation_.load();
}

void ThreadPool::WorkerLoop(int worker) {
  uint64_t seen = 0;
  while (AwaitJob(seen) != 0) {
    ++active_;
    const uint64_t generation = generation_;
    if (generation % 2 == 1 && generation != seen) {
      seen = generation;
      Drain(worker);
    }
    --active_;
  }
}

}  // namespace facet
