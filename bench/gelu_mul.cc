// The gate of the MLP, width 15,360.
#include "common.h"

namespace facet::bench {
namespace {

void BM_GeluMul(benchmark::State& state) {
  constexpr int64_t kWidth = 15360;
  const int64_t tokens = state.range(0);
  const int threads = static_cast<int>(state.range(1));
  CpuBackend backend(threads);
  const Buffer gate = RandomFloats(tokens * kWidth, 1);
  const Buffer up = RandomFloats(tokens * kWidth, 2);
  const Buffer out = Buffer::Host(tokens * kWidth * 4);
  RunAgainstReading(state, threads, 3 * tokens * kWidth * 4, [&] {
    backend.GeluMul({gate.as<float>(), tokens, kWidth}, {up.as<float>(), tokens, kWidth},
                    {out.as<float>(), tokens, kWidth});
  });
}
BENCHMARK(BM_GeluMul)
    ->ArgNames({"tokens", "threads"})
    ->UseManualTime()
    ->ArgsProduct({{1, 512}, ThreadCounts()});

}  // namespace
}  // namespace facet::bench
