// The operations of a step, which backends may fuse: the same numbers as ref's composition.
#include <algorithm>
#include <cmath>

#include "suite.h"

namespace facet {
namespace {

using namespace facet::testing;  // NOLINT: the suite's own vocabulary

FACET_BACKEND_SUITE(StepsTest);

Activations AsActivations(Values& values) { return {values.data.data(), values.rows, values.cols}; }

/// What both backends compute, from the same inputs.
template <typename Compute>
void ExpectAgree(HostBackend& ref, HostBackend& backend, Tolerance tolerance,
                 const Compute& compute) {
  const Values expected = compute(ref);
  const Values actual = compute(backend);
  EXPECT_TRUE(Near(actual.view(), expected.view(), tolerance));
}

TEST_P(StepsTest, InputNorm) {
  for (const int64_t tokens : kTokenCounts) {
    for (const int64_t width : {16, 192, 3840}) {
      const Values x = RandomValues(tokens, width, 1, 50);
      const Bf16Values weight(1, width, 2, 3);
      ExpectAgree(ref_, *backend_, tolerances().activations, [&](HostBackend& backend) {
        Values out(tokens, width);
        backend.InputNorm(x.view(), weight.data.data(), 1e-6, AsActivations(out));
        return out;
      });
    }
  }
}

TEST_P(StepsTest, ResidualNorm) {
  for (const int64_t tokens : kTokenCounts) {
    for (const int64_t width : {16, 192, 3840}) {
      for (const double scale : {1.0, 1e20}) {
        const Bf16Values weight(1, width, 2, 3);
        const Bf16Values next_weight(1, width, 3, 3);
        Values next_of_ref(tokens, width);
        Values next(tokens, width);
        const auto residual = [&](HostBackend& backend, Values& out_next) {
          Values x = RandomValues(tokens, width, 1, scale);
          Values sum = RandomValues(tokens, width, 4, 5);
          backend.ResidualNorm({.x = x.matrix(),
                                .weight = weight.data.data(),
                                .scale = 0.7f,
                                .residual = sum.matrix(),
                                .next_weight = next_weight.data.data(),
                                .next = AsActivations(out_next),
                                .eps = 1e-6});
          return sum;
        };
        const Values expected = residual(ref_, next_of_ref);
        EXPECT_TRUE(
            Near(residual(*backend_, next).view(), expected.view(), tolerances().residual_norm));
        EXPECT_TRUE(Near(next.view(), next_of_ref.view(), tolerances().activations));
      }
    }
  }
}

TEST_P(StepsTest, ResidualNormWithoutANext) {
  const Bf16Values weight(1, 192, 2, 3);
  ExpectAgree(ref_, *backend_, tolerances().residual_norm, [&](HostBackend& backend) {
    Values x = RandomValues(3, 192, 1);
    Values sum = RandomValues(3, 192, 4);
    backend.ResidualNorm({.x = x.matrix(),
                          .weight = weight.data.data(),
                          .scale = 1.0f,
                          .residual = sum.matrix(),
                          .next_weight = nullptr,
                          .next = {},
                          .eps = 1e-6});
    return sum;
  });
}

TEST_P(StepsTest, AnglesFarAlong) {
  const std::vector<double> frequencies = {1.0, 0.37, 1e-3, 1e-6, 0.0};
  const std::vector<int32_t> tokens(7, 0);
  const StepSequence sequences[] = {{.rows = 3, .first_position = 0},
                                    {.rows = 4, .first_position = 262140}};
  for (const bool sines : {false, true}) {
    // An angle of 262143 in double leaves 3e-11; its cosine is rounded once.
    ExpectAgree(ref_, *backend_, {.rms = 1e-7, .relative = 0}, [&](HostBackend& backend) {
      backend.BeginStep({.tokens = tokens,
                         .sequences = sequences,
                         .rings = {},
                         .visible_end = {},
                         .frequencies = {std::span<const double>(), frequencies}});
      Values cosine(7, 5);
      Values sine(7, 5);
      backend.Angles(1, {cosine.matrix(), sine.matrix()});
      return sines ? sine : cosine;
    });
  }
}

/// Weights of one kind for a group, with an input scale where they are NVFP4.
struct GroupWeights {
  GroupWeights(bool nvfp4, std::initializer_list<int64_t> rows, int64_t cols) {
    uint64_t seed = 10;
    for (const int64_t count : rows) {
      seed += 10;
      if (nvfp4) {
        packed.emplace_back(count, cols, seed, 1e-4f);
      } else {
        plain.emplace_back(count, cols, seed);
      }
    }
    for (const Nvfp4Values& values : packed) {
      Nvfp4Matrix matrix = values.matrix();
      matrix.input_scale = 0.002f;
      weights.emplace_back(matrix);
    }
    for (const Bf16Values& values : plain) weights.emplace_back(values.matrix());
  }
  std::vector<Nvfp4Values> packed;
  std::vector<Bf16Values> plain;
  std::vector<Weight> weights;
};

/// How a group of linears may be given.
struct GroupCase {
  bool nvfp4;
  bool quantized;
};
constexpr GroupCase kGroupCases[] = {{false, false}, {true, false}, {true, true}};

TEST_P(StepsTest, Project) {
  for (const auto [nvfp4, quantized] : kGroupCases) {
    for (const auto& [rows, cols] : {std::pair{5, 48}, {37, 272}, {192, 768}, {3, 15360}}) {
      const GroupWeights group(nvfp4, {rows}, cols);
      for (const int64_t tokens : kTokenCounts) {
        SCOPED_TRACE(fmt::format("nvfp4 {}, quantized {}, {}x{}, tokens {}", nvfp4, quantized, rows,
                                 cols, tokens));
        ExpectAgree(ref_, *backend_, tolerances().linear, [&](HostBackend& backend) {
          Values x = Inputs(RandomValues(tokens, cols, 2));
          Values codes(tokens, cols);
          Values out(tokens, rows);
          backend.Project(group.weights[0],
                          {AsActivations(x), quantized ? codes.data.data() : nullptr},
                          out.matrix());
          return out;
        });
      }
    }
  }
}

TEST_P(StepsTest, GateUp) {
  for (const auto [nvfp4, quantized] : kGroupCases) {
    for (const auto& [rows, cols] : {std::pair{8, 48}, {24, 272}, {768, 192}}) {
      const GroupWeights group(nvfp4, {rows, rows}, cols);
      for (const int64_t tokens : kTokenCounts) {
        SCOPED_TRACE(fmt::format("nvfp4 {}, quantized {}, {}x{}, tokens {}", nvfp4, quantized, rows,
                                 cols, tokens));
        ExpectAgree(ref_, *backend_, tolerances().activations, [&](HostBackend& backend) {
          Values x = Inputs(RandomValues(tokens, cols, 2));
          Values codes(tokens, cols);
          Values gate(tokens, rows);
          Values up(tokens, rows);
          Values out(tokens, rows);
          backend.GateUp({.gate_weight = &group.weights[0],
                          .up_weight = &group.weights[1],
                          .input = {AsActivations(x), quantized ? codes.data.data() : nullptr},
                          .gate = gate.matrix(),
                          .up = up.matrix(),
                          .out = AsActivations(out)});
          return out;
        });
      }
    }
  }
}

/// Queries, keys and values of two sequences, with rings that wrap.
struct HeadsProblem {
  AttentionShape shape;
  bool own_values;
};
constexpr HeadsProblem kHeadsProblems[] = {
    {{4, 2, 16, 8}, true}, {{8, 1, 64, 0}, false}, {{2, 1, 256, 8}, true}, {{4, 1, 512, 0}, false}};

/// What QueryKeyValue() makes: the queries, then both rings of keys and values.
struct Heads {
  std::vector<Values> made;
};

Heads ComputeHeads(HostBackend& backend, const HeadsProblem& problem, const GroupCase& kind,
                   const Values& input) {
  constexpr int64_t kCols = 192;
  const AttentionShape& shape = problem.shape;
  const int64_t tokens = input.rows;
  const int64_t width = shape.heads * shape.head_dim;
  const int64_t kv_width = shape.kv_heads * shape.head_dim;
  const GroupWeights group(kind.nvfp4, {width, kv_width, kv_width}, kCols);
  const Bf16Values query_norm(1, shape.head_dim, 3, 2);
  const Bf16Values key_norm(1, shape.head_dim, 4, 2);
  std::vector<double> frequencies;
  frequencies.reserve(static_cast<size_t>(shape.head_dim / 2));
  for (int64_t i = 0; i < shape.head_dim / 2; ++i) {
    frequencies.push_back(
        std::pow(1e4, -2.0 * static_cast<double>(i) / static_cast<double>(shape.head_dim)));
  }
  const int64_t first_rows = tokens / 3;
  const StepSequence sequences[] = {{.rows = first_rows, .first_position = 61},
                                    {.rows = tokens - first_rows, .first_position = 5}};
  const std::vector<int32_t> ids(static_cast<size_t>(tokens), 0);

  Heads heads;
  heads.made.emplace_back(tokens, width);
  for (int i = 0; i < 4; ++i) heads.made.emplace_back(i < 2 ? 64 : 150, kv_width);
  std::vector<CacheRing> rings;
  for (size_t s = 0; s < 2; ++s) {
    Values& keys = heads.made[1 + 2 * s];
    rings.push_back({keys.data.data(), heads.made[2 + 2 * s].data.data(), keys.rows});
  }
  Values x = input;
  Values codes(tokens, kCols);
  Values cosines(tokens, shape.head_dim / 2);
  Values sines(tokens, shape.head_dim / 2);
  Values query(tokens, width);
  Values key(tokens, kv_width);
  Values value(tokens, kv_width);
  backend.BeginStep({.tokens = ids,
                     .sequences = sequences,
                     .rings = rings,
                     .visible_end = {},
                     .frequencies = {frequencies, frequencies}});
  backend.Angles(0, {cosines.matrix(), sines.matrix()});
  backend.QueryKeyValue({.layer = 0,
                         .shape = shape,
                         .query_weight = &group.weights[0],
                         .key_weight = &group.weights[1],
                         .value_weight = problem.own_values ? &group.weights[2] : nullptr,
                         .query_norm = query_norm.data.data(),
                         .key_norm = key_norm.data.data(),
                         .eps = 1e-6,
                         .angles = {cosines.matrix(), sines.matrix()},
                         .input = {AsActivations(x), kind.quantized ? codes.data.data() : nullptr},
                         .query = query.matrix(),
                         .key = key.matrix(),
                         .value = value.matrix(),
                         .out = AsActivations(heads.made[0])});
  return heads;
}

TEST_P(StepsTest, QueryKeyValue) {
  for (const HeadsProblem& problem : kHeadsProblems) {
    for (const GroupCase& kind : kGroupCases) {
      for (const int64_t tokens : {3, 8, 90}) {
        const Values input = Inputs(RandomValues(tokens, 192, 2));
        const Heads expected = ComputeHeads(ref_, problem, kind, input);
        const Heads actual = ComputeHeads(*backend_, problem, kind, input);
        for (size_t i = 0; i < expected.made.size(); ++i) {
          EXPECT_TRUE(
              Near(actual.made[i].view(), expected.made[i].view(), tolerances().activations))
              << "head_dim " << problem.shape.head_dim << ", nvfp4 " << kind.nvfp4 << ", quantized "
              << kind.quantized << ", tokens " << tokens << ", result " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace facet
