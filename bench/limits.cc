#include "limits.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/thread_pool.h"
#include "kernels/cpu/targets.h"
#include "tensor/buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Reads `bytes` (a multiple of 1 KiB) and returns something that depends on all of them.
uint64_t ReadAll(const uint8_t* data, int64_t bytes) {
  const hn::ScalableTag<uint64_t> d;
  constexpr int64_t kStep = static_cast<int64_t>(HWY_LANES(uint64_t)) * 8;
  auto a = hn::Zero(d);
  auto b = a;
  auto c = a;
  auto e = a;
  const auto load = [&](int64_t i) HWY_ATTR {
    return hn::Load(d, reinterpret_cast<const uint64_t*>(data + i));
  };
  for (int64_t i = 0; i < bytes; i += 4 * kStep) {
    a = hn::Xor(a, load(i));
    b = hn::Xor(b, load(i + kStep));
    c = hn::Xor(c, load(i + 2 * kStep));
    e = hn::Xor(e, load(i + 3 * kStep));
  }
  return hn::GetLane(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)));
}

/// `count` rounds of ten independent vector multiply-adds; returns the float operations done.
int64_t MultiplyAdd(int64_t count, float* sink) {
  const hn::ScalableTag<float> d;
  constexpr int64_t kChains = 10;  // latency 4 or 5 times 2 a cycle
  const auto factor = hn::Set(d, 0.999f);
  const auto offset = hn::Set(d, 0.001f);
  hn::Vec<decltype(d)> sums[kChains];
  for (auto& sum : sums) sum = offset;
  for (int64_t i = 0; i < count; ++i) {
    for (auto& sum : sums) sum = hn::MulAdd(sum, factor, offset);
  }
  auto total = offset;
  for (const auto& sum : sums) total = hn::Add(total, sum);
  *sink = hn::GetLane(total);
  return count * kChains * 2 * static_cast<int64_t>(hn::Lanes(d));
}

}  // namespace facet::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::bench {
namespace {

HWY_EXPORT(ReadAll);
HWY_EXPORT(MultiplyAdd);

constexpr int kPasses = 5;

/// The shortest of kPasses runs, in seconds.
template <typename Body>
double BestSeconds(const Body& body) {
  double best = 1e30;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return best;
}

}  // namespace

double ReadBandwidth(int threads) {
  constexpr int64_t kBytes = int64_t{1} << 30;
  constexpr int64_t kPiece = int64_t{1} << 18;
  const Buffer buffer = Buffer::Host(kBytes);
  std::memset(buffer.as<void>(), 1, static_cast<size_t>(kBytes));  // untouched pages are all one
  ThreadPool pool(threads);
  const double seconds = BestSeconds([&] {
    pool.ParallelFor(kBytes, kPiece, [&](int64_t begin, int64_t end, int) {
      benchmark::DoNotOptimize(
          HWY_DYNAMIC_DISPATCH(ReadAll)(buffer.as<uint8_t>() + begin, end - begin));
    });
  });
  return static_cast<double>(kBytes) / seconds;
}

double FloatPeak(int threads) {
  constexpr int64_t kRounds = 2'000'000;
  ThreadPool pool(threads);
  std::vector<int64_t> operations(static_cast<size_t>(threads));
  const double seconds = BestSeconds([&] {
    pool.ParallelFor(threads, 1, [&](int64_t thread, int64_t, int) {
      float sink = 0;
      operations[static_cast<size_t>(thread)] = HWY_DYNAMIC_DISPATCH(MultiplyAdd)(kRounds, &sink);
      benchmark::DoNotOptimize(sink);
    });
  });
  return static_cast<double>(operations[0]) * threads / seconds;
}

}  // namespace facet::bench
#endif
