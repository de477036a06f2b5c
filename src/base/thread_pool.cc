#include "base/thread_pool.h"

#include <algorithm>
#include <fstream>
#include <string>

#include <sched.h>

#include "base/check.h"

namespace facet {
namespace {

// How often a waiting thread looks before it sleeps: kernels of one step follow each other within
// microseconds, and waking a sleeping thread costs more than that.
constexpr int kSpins = 20000;

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
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    generation_.fetch_add(1, std::memory_order_release);
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
  FACET_DCHECK(busy_.load(std::memory_order_relaxed) == 0);
  job_ = {function, body, count, grain};
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  Drain(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; ++spins) {
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

void ThreadPool::WorkerLoop(int worker) {
  uint64_t seen = 0;
  while (true) {
    for (int spins = 0; spins < kSpins && generation_.load(std::memory_order_acquire) == seen;
         ++spins)
      Relax();
    if (generation_.load(std::memory_order_acquire) == seen) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
    }
    ++seen;
    if (stopping_) return;
    Drain(worker);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace facet
