// What the benchmarks share: random weights larger than any cache, and counters against the limits.
//
// Every benchmark has an argument `threads`; choose with --benchmark_filter, for example
// --benchmark_filter='Nvfp4.*threads:2/'.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/random.h"
#include "base/thread_pool.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/yardstick.h"
#include "tensor/buffer.h"

namespace facet::bench {

/// One thread, and all of them.
inline std::vector<int64_t> ThreadCounts() {
  const int all = ThreadPool::UsableProcessors();
  return all == 1 ? std::vector<int64_t>{1} : std::vector<int64_t>{1, all};
}

inline constexpr int64_t kBeyondCaches = int64_t{1} << 28;

/// Copies of something of `bytes` that together do not fit any cache.
inline int64_t CopiesOf(int64_t bytes) { return (kBeyondCaches + bytes - 1) / bytes; }

/// Random bytes, each with the bits of `mask` alone. Rounded up to eight bytes.
inline Buffer RandomBytes(int64_t bytes, uint64_t seed, uint8_t mask = 0xFF) {
  Buffer buffer = Buffer::Host((bytes + 7) / 8 * 8);
  const uint64_t masks = mask * 0x0101010101010101u;
  for (int64_t i = 0; i < buffer.bytes() / 8; ++i) {
    buffer.as<uint64_t>()[i] = RandomBits(seed, static_cast<uint64_t>(i)) & masks;
  }
  return buffer;
}

/// Floats in [-1, 1).
inline Buffer RandomFloats(int64_t count, uint64_t seed) {
  Buffer buffer = Buffer::Host(count * 4);
  for (int64_t i = 0; i < count; ++i) {
    buffer.as<float>()[i] = static_cast<float>(2 * RandomUnit(seed, static_cast<uint64_t>(i)) - 1);
  }
  return buffer;
}

/// BF16 values with magnitudes between 2^-7 and 2.
inline Buffer RandomBf16(int64_t count, uint64_t seed) {
  Buffer buffer = RandomBytes(count * 2, seed);
  auto* data = buffer.as<uint16_t>();
  for (int64_t i = 0; i < count; ++i) {
    data[i] = static_cast<uint16_t>((data[i] & 0x83FF) | 0x3C00);
  }
  return buffer;
}

/// `copies` NVFP4 matrices of one shape, which take turns so that none stays in a cache.
class Nvfp4Copies {
 public:
  Nvfp4Copies(int64_t rows, int64_t cols)
      : rows_(rows),
        cols_(cols),
        copies_(CopiesOf(bytes())),
        codes_(RandomBytes(copies_ * rows * cols / 2, 1)),
        scales_(RandomBytes(copies_ * rows * cols / kNvfp4Block, 2, 0x3F)) {}

  int64_t bytes() const { return rows_ * cols_ / 2 + rows_ * cols_ / kNvfp4Block; }
  Nvfp4Matrix Next() {
    turn_ = (turn_ + 1) % copies_;
    return {.rows = rows_,
            .cols = cols_,
            .codes = codes_.as<uint8_t>() + turn_ * rows_ * cols_ / 2,
            .block_scales = scales_.as<uint8_t>() + turn_ * rows_ * cols_ / kNvfp4Block,
            .global_scale = 0.001f,
            .input_scale = std::nullopt};
  }

 private:
  int64_t rows_;
  int64_t cols_;
  int64_t copies_;
  int64_t turn_ = 0;
  Buffer codes_;
  Buffer scales_;
};

/// Runs body once an iteration, each time followed by the yardstick's `limit`, and reports amount /
/// median time of both, in `unit` (10^9 a second), and the share. Medians, since other programs
/// disturb single iterations.
template <typename Body, typename Limit>
void RunAgainst(benchmark::State& state, const char* unit, double amount, const Body& body,
                const Limit& limit) {
  std::vector<double> seconds;
  std::vector<double> limits;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    state.SetIterationTime(taken.count());
    seconds.push_back(taken.count());
    limits.push_back(limit());
  }
  const auto median = [](std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  };
  const double typical = median(seconds);
  const double best = median(limits);
  state.counters[unit] = amount / typical / 1e9;
  state.counters[std::string("limit_") + unit] = amount / best / 1e9;
  state.counters["share_%"] = 100 * best / typical;
}

/// A benchmark that moves `bytes` an iteration, against the read bandwidth.
template <typename Body>
void RunAgainstReading(benchmark::State& state, int threads, int64_t bytes, const Body& body) {
  Yardstick yardstick(threads);
  RunAgainst(state, "GB/s", static_cast<double>(bytes), body,
             [&] { return yardstick.ReadSeconds(bytes); });
}

/// A benchmark of `operations` float operations an iteration, against the multiply-add peak.
template <typename Body>
void RunAgainstMultiplying(benchmark::State& state, int threads, double operations,
                           const Body& body) {
  Yardstick yardstick(threads);
  RunAgainst(state, "GFLOP/s", operations, body,
             [&] { return yardstick.MultiplySeconds(operations); });
}

}  // namespace facet::bench
