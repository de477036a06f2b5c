// Linear layers at the 12B's shapes: gate and up, down, query of a sliding and of a global layer,
// head.
#include "common.h"

namespace facet::bench {
namespace {

const std::vector<std::vector<int64_t>> kShapes = {
    {15360, 3840}, {3840, 15360}, {4096, 3840}, {8192, 3840}};

void Shapes(benchmark::internal::Benchmark* benchmark, const std::vector<int64_t>& token_counts) {
  benchmark->ArgNames({"rows", "cols", "tokens", "threads"})->UseManualTime();
  for (const std::vector<int64_t>& shape : kShapes) {
    for (const int64_t tokens : token_counts) {
      for (const int64_t threads : ThreadCounts()) {
        benchmark->Args({shape[0], shape[1], tokens, threads});
      }
    }
  }
}

struct Call {
  explicit Call(const benchmark::State& state)
      : rows(state.range(0)),
        cols(state.range(1)),
        tokens(state.range(2)),
        threads(static_cast<int>(state.range(3))),
        backend(threads),
        input(RandomFloats(tokens * cols, 3)),
        output(Buffer::Host(tokens * rows * 4)) {}

  ConstMatrix x() const { return {input.as<float>(), tokens, cols}; }
  Matrix out() const { return {output.as<float>(), tokens, rows}; }
  double operations() const {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(cols) *
           static_cast<double>(tokens);
  }

  int64_t rows;
  int64_t cols;
  int64_t tokens;
  int threads;
  CpuBackend backend;
  Buffer input;
  Buffer output;
};

void BM_LinearNvfp4Vector(benchmark::State& state) {
  Call call(state);
  Nvfp4Copies weights(call.rows, call.cols);
  RunAgainstReading(state, call.threads, weights.bytes(),
                    [&] { call.backend.Linear(weights.Next(), call.x(), call.out()); });
}
BENCHMARK(BM_LinearNvfp4Vector)->Apply([](auto* benchmark) { Shapes(benchmark, {1}); });

void BM_LinearNvfp4Matrix(benchmark::State& state) {
  Call call(state);
  Nvfp4Copies weights(call.rows, call.cols);
  RunAgainstMultiplying(state, call.threads, call.operations(),
                        [&] { call.backend.Linear(weights.Next(), call.x(), call.out()); });
}
BENCHMARK(BM_LinearNvfp4Matrix)->Apply([](auto* benchmark) {
  Shapes(benchmark, {4, 16, 128, 512});
});

void BM_LinearBf16Head(benchmark::State& state) {
  Call call(state);
  const Buffer data = RandomBf16(call.rows * call.cols, 4);
  const Bf16Matrix weight{call.rows, call.cols, data.as<uint16_t>()};
  RunAgainstReading(state, call.threads, call.rows * call.cols * 2,
                    [&] { call.backend.Linear(weight, call.x(), call.out()); });
}
BENCHMARK(BM_LinearBf16Head)
    ->ArgNames({"rows", "cols", "tokens", "threads"})
    ->UseManualTime()
    ->ArgsProduct({{262144}, {3840}, {1, 4}, ThreadCounts()});

void BM_LinearW4A4(benchmark::State& state) {
  Call call(state);
  Nvfp4Copies weights(call.rows, call.cols);
  Buffer codes = Buffer::Host(call.tokens * call.cols / 2);
  Buffer scales = Buffer::Host(call.tokens * call.cols / kNvfp4Block);
  call.backend.QuantizeActivations(call.x(), 1.0f / 2688, codes.as<uint8_t>(),
                                   scales.as<uint8_t>());
  const Nvfp4Matrix x{.rows = call.tokens,
                      .cols = call.cols,
                      .codes = codes.as<uint8_t>(),
                      .block_scales = scales.as<uint8_t>(),
                      .global_scale = 1.0f / 2688,
                      .input_scale = std::nullopt};
  const auto multiply = [&] { call.backend.LinearW4A4(weights.Next(), x, call.out()); };
  if (call.tokens == 1) {
    RunAgainstReading(state, call.threads, weights.bytes(), multiply);
  } else {
    // The same multiplications as in float; whole numbers of one byte can pass the float peak.
    RunAgainstMultiplying(state, call.threads, call.operations(), multiply);
  }
}
BENCHMARK(BM_LinearW4A4)->Apply([](auto* benchmark) { Shapes(benchmark, {1, 4, 16, 128, 512}); });

}  // namespace
}  // namespace facet::bench
