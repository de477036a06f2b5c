// A fixed set of threads and one operation, ParallelFor. Nothing else: no queue, no futures.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace facet {

/// Threads for data-parallel loops. The caller of ParallelFor works too, so a pool of N has N - 1
/// threads. One ParallelFor at a time: calls from several threads, or from inside a body, are bugs.
class ThreadPool {
 public:
  /// `threads` >= 1, the caller included.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(begin, end, worker) on disjoint ranges that cover [0, count), each of `grain` items
  /// (the last may be shorter), and returns when all are done. worker is in [0, threads()). The
  /// split into ranges depends on count and grain alone, never on timing or on the number of
  /// threads.
  template <typename Body>
  void ParallelFor(int64_t count, int64_t grain, const Body& body) {
    Run(count, grain, &Invoke<Body>, &body);
  }

  /// The number of processors this process may use, cgroup limit and affinity included; at least 1.
  static int UsableProcessors();

 private:
  using Function = void (*)(const void* body, int64_t begin, int64_t end, int worker);

  template <typename Body>
  static void Invoke(const void* body, int64_t begin, int64_t end, int worker) {
    (*static_cast<const Body*>(body))(begin, end, worker);
  }

  struct Job {
    Function function = nullptr;
    const void* body = nullptr;
    int64_t count = 0;
    int64_t grain = 1;
  };

  void Run(int64_t count, int64_t grain, Function function, const void* body);
  void Open(const Job& job);
  void CloseAndWait();
  void Drain(int worker);
  void WorkerLoop(int worker);
  /// The generation of an open job other than `seen`, or 0 when the pool stops; sleeps after a
  /// while.
  uint64_t AwaitJob(uint64_t seen);
  bool HasNews(uint64_t seen) const;

  std::vector<std::thread> workers_;
  Job job_;
  std::atomic<int64_t> next_{0};  // first item that nobody has taken
  // Odd while a job is open, even between jobs. A worker counts itself into active_ before it looks
  // here, and the caller closes before it looks at active_: so a worker either sees the job closed
  // or is waited for, and the caller never waits for a worker that slept through the job.
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> active_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace facet
