// Attention at the 12B's shapes: sliding layers (16 heads on 8, head size 256, window 1,024) and
// global ones (16 heads on 1, head size 512).
#include "common.h"

namespace facet::bench {
namespace {

constexpr AttentionShape kSliding{16, 8, 256, 1024};
constexpr AttentionShape kGlobal{16, 1, 512, 0};

/// The last `tokens` positions of a context attend to it.
struct Call {
  Call(const benchmark::State& state, const AttentionShape& attention_shape)
      : shape(attention_shape),
        context(state.range(0)),
        tokens(state.range(1)),
        threads(static_cast<int>(state.range(2))),
        backend(threads) {
    const int64_t remembered =
        shape.window == 0 ? context : std::min(context, shape.window + tokens);
    capacity = remembered;
    const int64_t width = shape.kv_heads * shape.head_dim;
    copies = tokens == 1 ? CopiesOf(2 * capacity * width * 4) : 1;
    keys = RandomFloats(capacity * width * copies, 1);
    values = RandomFloats(capacity * width * copies, 2);
    query = RandomFloats(tokens * shape.heads * shape.head_dim, 3);
    out = Buffer::Host(query.bytes());
    for (int64_t row = 0; row < tokens; ++row) ends.push_back(context - tokens + row + 1);
  }

  void Attend() {
    turn = (turn + 1) % copies;
    const int64_t offset = turn * capacity * shape.kv_heads * shape.head_dim;
    const AttentionSequence sequence{.first_row = 0,
                                     .rows = tokens,
                                     .first_position = context - tokens,
                                     .keys = keys.as<float>() + offset,
                                     .values = values.as<float>() + offset,
                                     .capacity = capacity,
                                     .visible_end = ends.data()};
    const int64_t width = shape.heads * shape.head_dim;
    backend.Attention(shape, {&sequence, 1}, {query.as<float>(), tokens, width},
                      {out.as<float>(), tokens, width});
  }

  /// Positions that all query rows see together.
  int64_t PositionsSeen() const {
    int64_t seen = 0;
    for (const int64_t end : ends) seen += shape.window == 0 ? end : std::min(end, shape.window);
    return seen;
  }

  AttentionShape shape;
  int64_t context;
  int64_t tokens;
  int threads;
  CpuBackend backend;
  int64_t capacity = 0;
  int64_t copies = 1;
  int64_t turn = 0;
  Buffer keys;
  Buffer values;
  Buffer query;
  Buffer out;
  std::vector<int64_t> ends;
};

void Decode(benchmark::State& state, const AttentionShape& shape) {
  Call call(state, shape);
  RunAgainstReading(state, call.threads,
                    2 * call.PositionsSeen() * shape.kv_heads * shape.head_dim * 4,
                    [&] { call.Attend(); });
}

void Prefill(benchmark::State& state, const AttentionShape& shape) {
  Call call(state, shape);
  const auto products = static_cast<double>(call.PositionsSeen() * shape.heads * shape.head_dim);
  // Scores and values, two operations each.
  RunAgainstMultiplying(state, call.threads, 4 * products, [&] { call.Attend(); });
}

void BM_AttentionSlidingDecode(benchmark::State& state) { Decode(state, kSliding); }
void BM_AttentionGlobalDecode(benchmark::State& state) { Decode(state, kGlobal); }
void BM_AttentionSlidingPrefill(benchmark::State& state) { Prefill(state, kSliding); }
void BM_AttentionGlobalPrefill(benchmark::State& state) { Prefill(state, kGlobal); }

void DecodeArgs(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"context", "tokens", "threads"})
      ->UseManualTime()
      ->ArgsProduct({{1024, 8192}, {1}, ThreadCounts()});
}
void PrefillArgs(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"context", "tokens", "threads"})
      ->UseManualTime()
      ->ArgsProduct({{512, 4096}, {512}, ThreadCounts()});
}
BENCHMARK(BM_AttentionSlidingDecode)->Apply(DecodeArgs);
BENCHMARK(BM_AttentionGlobalDecode)->Apply(DecodeArgs);
BENCHMARK(BM_AttentionSlidingPrefill)->Apply(PrefillArgs);
BENCHMARK(BM_AttentionGlobalPrefill)->Apply(PrefillArgs);

}  // namespace
}  // namespace facet::bench
