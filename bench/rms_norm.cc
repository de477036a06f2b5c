// RMS norm of the residual stream, width 3,840. A decode step's row stays in the cache: its share
// of the memory's bandwidth may pass 100 %.
#include "common.h"

namespace facet::bench {
namespace {

void BM_RmsNorm(benchmark::State& state) {
  constexpr int64_t kWidth = 3840;
  const int64_t tokens = state.range(0);
  const int threads = static_cast<int>(state.range(1));
  CpuBackend backend(threads);
  const Buffer x = RandomFloats(tokens * kWidth, 1);
  const Buffer weight = RandomBf16(kWidth, 2);
  const Buffer out = Buffer::Host(tokens * kWidth * 4);
  RunAgainstReading(state, threads, 2 * tokens * kWidth * 4, [&] {
    backend.RmsNorm({x.as<float>(), tokens, kWidth}, weight.as<uint16_t>(), 1e-6,
                    {out.as<float>(), tokens, kWidth});
  });
}
BENCHMARK(BM_RmsNorm)
    ->ArgNames({"tokens", "threads"})
    ->UseManualTime()
    ->ArgsProduct({{1, 16, 512, 16384}, ThreadCounts()});

}  // namespace
}  // namespace facet::bench
