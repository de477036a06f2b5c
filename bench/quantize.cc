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
  RunAgainstReading(state, threads, data.bytes() + codes.bytes() + scales.bytes(), [&] {
    backend.QuantizeWeight({kRows, kCols, data.as<uint16_t>()}, 2.0f / kNvfp4Range,
                           ModeloptCompat::k045, codes.as<uint8_t>(), scales.as<uint8_t>());
  });
}
BENCHMARK(BM_QuantizeWeight)->ArgName("threads")->UseManualTime()->ArgsProduct({ThreadCounts()});

void BM_AbsMax(benchmark::State& state) {
  constexpr int64_t kRows = 15360;
  constexpr int64_t kCols = 3840;
  const int threads = static_cast<int>(state.range(0));
  CpuBackend backend(threads);
  const Buffer data = RandomBf16(kRows * kCols, 1);
  RunAgainstReading(state, threads, data.bytes(), [&] {
    benchmark::DoNotOptimize(backend.AbsMax({kRows, kCols, data.as<uint16_t>()}));
  });
}
BENCHMARK(BM_AbsMax)->ArgName("threads")->UseManualTime()->ArgsProduct({ThreadCounts()});

void BM_QuantizeActivations(benchmark::State& state) {
  const int64_t tokens = state.range(0);
  const int64_t cols = state.range(1);
  const int threads = static_cast<int>(state.range(2));
  CpuBackend backend(threads);
  const Buffer x = RandomFloats(tokens * cols, 1);
  const Buffer codes = Buffer::Host(tokens * cols / 2);
  const Buffer scales = Buffer::Host(tokens * cols / kNvfp4Block);
  RunAgainstReading(state, threads, x.bytes() + codes.bytes() + scales.bytes(), [&] {
    backend.QuantizeActivations({x.as<float>(), tokens, cols}, 1.0f / kNvfp4Range,
                                codes.as<uint8_t>(), scales.as<uint8_t>());
  });
}
BENCHMARK(BM_QuantizeActivations)
    ->ArgNames({"tokens", "cols", "threads"})
    ->UseManualTime()
    ->ArgsProduct({{1, 512}, {3840, 15360}, ThreadCounts()});

}  // namespace
}  // namespace facet::bench
