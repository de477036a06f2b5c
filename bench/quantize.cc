// Quantization of a weight (15,360 x 3,840, BF16 read) and of activations (float32 read).
#include "common.h"

namespace facet::bench {
namespace {

void BM_QuantizeWeight(benchmark::State& state) {
  constexpr int64_t kRows = 15360;
  constexpr int64_t kCols = 3840;
  const int threads = static_cast<int>(state.range(0));
  CpuBackend backend(threads);
  const Buffer data = RandomBf16(kRows * kCols, 1);
  const Buffer codes = Buffer::Host(kRows * kCols / 2);
  const Buffer scales = Buffer::Host(kRows * kCols / kNvfp4Block);
  const double limit = ReadBandwidth(threads);
  for (auto _ : state) {
    backend.QuantizeWeight({kRows, kCols, data.as<uint16_t>()}, 2.0f / kNvfp4Range,
                           ModeloptCompat::k045, codes.as<uint8_t>(), scales.as<uint8_t>());
  }
  ReportBytes(state, data.bytes() + codes.bytes() + scales.bytes(), limit);
}
BENCHMARK(BM_QuantizeWeight)->ArgName("threads")->UseRealTime()->ArgsProduct({ThreadCounts()});

void BM_AbsMax(benchmark::State& state) {
  constexpr int64_t kRows = 15360;
  constexpr int64_t kCols = 3840;
  const int threads = static_cast<int>(state.range(0));
  CpuBackend backend(threads);
  const Buffer data = RandomBf16(kRows * kCols, 1);
  const double limit = ReadBandwidth(threads);
  for (auto _ : state) {
    benchmark::DoNotOptimize(backend.AbsMax({kRows, kCols, data.as<uint16_t>()}));
  }
  ReportBytes(state, data.bytes(), limit);
}
BENCHMARK(BM_AbsMax)->ArgName("threads")->UseRealTime()->ArgsProduct({ThreadCounts()});

void BM_QuantizeActivations(benchmark::State& state) {
  const int64_t tokens = state.range(0);
  const int64_t cols = state.range(1);
  const int threads = static_cast<int>(state.range(2));
  CpuBackend backend(threads);
  const Buffer x = RandomFloats(tokens * cols, 1);
  const Buffer codes = Buffer::Host(tokens * cols / 2);
  const Buffer scales = Buffer::Host(tokens * cols / kNvfp4Block);
  const double limit = ReadBandwidth(threads);
  for (auto _ : state) {
    backend.QuantizeActivations({x.as<float>(), tokens, cols}, 1.0f / kNvfp4Range,
                                codes.as<uint8_t>(), scales.as<uint8_t>());
  }
  ReportBytes(state, x.bytes() + codes.bytes() + scales.bytes(), limit);
}
BENCHMARK(BM_QuantizeActivations)
    ->ArgNames({"tokens", "cols", "threads"})
    ->UseRealTime()
    ->ArgsProduct({{1, 512}, {3840, 15360}, ThreadCounts()});

}  // namespace
}  // namespace facet::bench
