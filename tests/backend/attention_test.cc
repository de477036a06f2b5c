// Attention and the cache ring that it reads.
#include <algorithm>

#include "suite.h"

namespace facet {
namespace {

using namespace facet::testing;  // NOLINT: the suite's own vocabulary

FACET_BACKEND_SUITE(AttentionTest);

/// One sequence in a ring: keys and values of positions [0, first_position + rows), as far as the
/// ring remembers them.
struct Ring {
  Ring(const AttentionShape& shape, int64_t positions, int64_t ring_capacity, uint64_t seed)
      : capacity(ring_capacity),
        keys(ring_capacity, shape.kv_heads * shape.head_dim),
        values(ring_capacity, shape.kv_heads * shape.head_dim) {
    const Values new_keys = RandomValues(positions, keys.cols, seed);
    const Values new_values = RandomValues(positions, keys.cols, seed + 1);
    for (int64_t p = 0; p < positions; ++p) {
      std::copy_n(new_keys.view().row(p), keys.cols, keys.matrix().row(p % capacity));
      std::copy_n(new_values.view().row(p), keys.cols, values.matrix().row(p % capacity));
    }
  }

  int64_t capacity;
  Values keys;
  Values values;
};

struct Problem {
  const char* what;
  AttentionShape shape;
  int64_t rows;
  int64_t first_position;
  int64_t capacity;
  int64_t ahead;  // how far visible_end is past the causal end, up to the last row's position + 1
};

constexpr Problem kProblems[] = {
    {"one position", {1, 1, 8, 0}, 1, 0, 1, 0},
    {"head size 16", {2, 1, 16, 0}, 5, 0, 8, 0},
    {"head size 24", {2, 2, 24, 0}, 7, 3, 16, 0},
    {"two heads a key", {16, 8, 64, 64}, 7, 200, 128, 0},
    {"eight heads a key", {8, 1, 128, 0}, 3, 30, 64, 0},
    {"sixteen heads a key", {16, 1, 512, 0}, 2, 700, 1024, 0},
    {"forty heads a key", {40, 1, 32, 0}, 2, 40, 64, 0},
    {"window over a segment's edge", {4, 2, 256, 100}, 64, 500, 200, 0},
    {"ring that wraps in the prompt", {4, 2, 32, 64}, 129, 1000, 192, 0},
    {"ring as small as it may be", {4, 2, 32, 64}, 1, 1000, 64, 0},
    {"decode far along", {16, 1, 64, 0}, 1, 4000, 4096, 0},
    {"image that sees ahead", {4, 2, 32, 64}, 50, 20, 128, 30},
    {"image over a segment's edge", {4, 2, 32, 64}, 60, 490, 128, 60},
};

struct Fixture {
  /// `bf16`: queries, keys and values that BF16 holds, for backends that round them.
  Fixture(const Problem& p, bool bf16)
      : problem(p),
        ring(p.shape, p.first_position + p.rows, p.capacity, 5),
        // Scores of random vectors stay within a few units, so that several positions matter.
        query(RandomValues(p.rows, p.shape.heads * p.shape.head_dim, 6,
                           6 / std::sqrt(static_cast<double>(p.shape.head_dim)))) {
    if (bf16) {
      for (Values* values : {&ring.keys, &ring.values, &query}) RoundToBf16(*values);
    }
    for (int64_t row = 0; row < p.rows; ++row) {
      const int64_t causal = p.first_position + row + 1;
      visible_end.push_back(std::min(causal + p.ahead, p.first_position + p.rows));
    }
  }

  /// Rows [first, first + count) as a sequence of its own.
  StepSequence Rows(int64_t first, int64_t count) const {
    return {.rows = count, .first_position = problem.first_position + first};
  }
  CacheRing Rings() { return {ring.keys.data.data(), ring.values.data.data(), problem.capacity}; }
  Values Attend(HostBackend& backend) { return AttendRows(backend, 0, problem.rows); }
  Values AttendRows(HostBackend& backend, int64_t first, int64_t count) {
    Values out(count, query.cols);
    const StepSequence sequence = Rows(first, count);
    const CacheRing rings = Rings();
    const std::vector<int32_t> tokens(static_cast<size_t>(count), 0);
    backend.BeginStep(
        {.tokens = tokens,
         .sequences = {&sequence, 1},
         .rings = {&rings, 1},
         .visible_end =
             std::span(visible_end).subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
         .frequencies = {}});
    backend.Attend({.layer = 0,
                    .shape = problem.shape,
                    .sees_images_whole = true,
                    .query = {query.matrix().row(first), count, query.cols},
                    .out = {out.data.data(), count, query.cols}});
    return out;
  }

  Problem problem;
  Ring ring;
  Values query;
  std::vector<int64_t> visible_end;
};

TEST_P(AttentionTest, MatchesRef) {
  for (const Problem& problem : kProblems) {
    Fixture fixture(problem, OnCuda());
    EXPECT_TRUE(
        Near(fixture.Attend(*backend_).view(), fixture.Attend(ref_).view(), tolerances().attention))
        << problem.what;
  }
}

TEST_P(AttentionTest, ChunksChangeNothing) {
  for (const Problem& problem : kProblems) {
    Fixture fixture(problem, OnCuda());
    const Values whole = fixture.Attend(*backend_);
    for (const int64_t chunk : {1, 5}) {
      for (int64_t first = 0; first < problem.rows; first += chunk) {
        const int64_t count = std::min(chunk, problem.rows - first);
        const Values part = fixture.AttendRows(*backend_, first, count);
        EXPECT_TRUE(Near(part.view(), whole.view().Rows(first, count), tolerances().regrouped))
            << problem.what << ", chunk " << chunk;
      }
    }
  }
}

TEST_P(AttentionTest, NeighboursChangeNothing) {
  const AttentionShape shape{4, 2, 32, 64};
  Fixture first({"", shape, 3, 100, 128, 0}, OnCuda());
  Fixture second({"", shape, 1, 700, 256, 0}, OnCuda());
  Values query(4, 128);
  std::copy(first.query.data.begin(), first.query.data.end(), query.data.begin());
  std::copy(second.query.data.begin(), second.query.data.end(), query.data.begin() + 3 * 128);
  const StepSequence sequences[] = {first.Rows(0, 3), second.Rows(0, 1)};
  const CacheRing rings[] = {first.Rings(), second.Rings()};
  const int32_t tokens[4] = {};
  Values out(4, 128);
  backend_->BeginStep({.tokens = tokens,
                       .sequences = sequences,
                       .rings = rings,
                       .visible_end = {},
                       .frequencies = {}});
  backend_->Attend({.layer = 0,
                    .shape = shape,
                    .sees_images_whole = true,
                    .query = {query.data.data(), 4, 128},
                    .out = {out.data.data(), 4, 128}});
  EXPECT_TRUE(Near(out.view().Rows(0, 3), first.Attend(*backend_).view(), kExact));
  EXPECT_TRUE(Near(out.view().Rows(3, 1), second.Attend(*backend_).view(), kExact));
}

TEST_P(AttentionTest, LargeScoresStayFinite) {
  Fixture fixture({"", {2, 1, 64, 0}, 3, 600, 1024, 0}, OnCuda());
  for (float& value : fixture.query.data) value *= 1000;
  const Values out = fixture.Attend(*backend_);
  EXPECT_TRUE(std::all_of(out.data.begin(), out.data.end(),
                          [](float value) { return std::fabs(value) <= 1; }));
}

FACET_HOST_SUITE(AppendCacheTest);

TEST_P(AppendCacheTest, MatchesRef) {
  for (const int64_t tokens : kTokenCounts) {
    for (const int64_t capacity : {3, 64, 100}) {
      const Values rows = Inputs(RandomValues(tokens, 48, 1));
      Values expected = Inputs(RandomValues(capacity, 48, 2));
      Values actual = expected;
      ref_.AppendCache(rows.view(), 61, capacity, expected.data.data());
      backend_->AppendCache(rows.view(), 61, capacity, actual.data.data());
      EXPECT_TRUE(Near(actual.view(), expected.view(), kExact))
          << "tokens " << tokens << ", capacity " << capacity;
    }
  }
}

}  // namespace
}  // namespace facet
