// Softmax attention. ref/attention.cc says what.
//
// Queries are numbered row by row, and inside a row by the head in its group, so that up to
// kQueries queries of one key/value head share every key and value that is read. Positions are cut
// into segments at multiples of kSegment, whatever the call: a segment's scores, largest score, sum
// and weighted values are computed alone and then merged in order. So a query's result depends
// neither on the other rows of the call nor on how a prompt was chunked, and segments of a long
// context can run on several threads.
#include <algorithm>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format off: after foreach_target.h, as every -inl.h
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#ifndef FACET_KERNELS_CPU_ATTENTION_TYPES_
#define FACET_KERNELS_CPU_ATTENTION_TYPES_
namespace facet {
namespace {

constexpr int64_t kSegment = 512;  // positions
constexpr int64_t kQueries = 32;
constexpr int64_t kQueryTile = 4;
constexpr int64_t kKeyTile = 3;     // 4 x 3 sums, 3 keys and 1 query fill 16 registers
constexpr int64_t kValueBlock = 8;  // values that are added before the sums go back to memory
constexpr float kMasked = -1e30f;   // below any score; its exponential is zero

struct Interval {
  int64_t begin = 0;
  int64_t end = 0;
  bool empty() const { return begin >= end; }
};

/// One query row and head, and where its result goes.
struct Query {
  const float* data = nullptr;  // [head_dim]
  float* out = nullptr;         // [head_dim]
  Interval sees;                // positions
};

/// Up to kQueries queries of one sequence and key/value head.
struct QueryBlock {
  Query queries[kQueries];
  int64_t count = 0;
  int64_t head_dim = 0;
  const float* keys = nullptr;  // of this head: position p at (p % capacity) * stride
  const float* values = nullptr;
  int64_t capacity = 0;
  int64_t stride = 0;
  Interval sees;  // what any of them sees

  int64_t segments() const {
    return sees.empty() ? 0 : (sees.end - 1) / kSegment - sees.begin / kSegment + 1;
  }
};

/// What the positions so far gave, per query: largest score, sum of exponentials, and their sum of
/// values.
struct Partial {
  float* values = nullptr;   // [kQueries, head_dim]
  float* largest = nullptr;  // [kQueries], kMasked: no position yet
  float* sums = nullptr;     // [kQueries]

  static int64_t Floats(int64_t head_dim) { return kQueries * (head_dim + 2); }
  static Partial At(float* memory, int64_t head_dim) {
    float* largest = memory + kQueries * head_dim;
    return {memory, largest, largest + kQueries};
  }
};

}  // namespace
}  // namespace facet
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// scores[q][k] = queries[q] . keys[k].
template <int64_t kTile, class D>
HWY_INLINE void ScoreTile(D d, const Query* queries, const float* const (&keys)[kKeyTile],
                          int64_t head_dim, int64_t key_count, float* scores) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> sums[kTile][kKeyTile];
  for (auto& row : sums) {
    for (auto& sum : row) sum = hn::Zero(d);
  }
  for (int64_t i = 0; i < head_dim; i += lanes) {
    hn::Vec<D> key[kKeyTile];
    for (int64_t k = 0; k < kKeyTile; ++k) key[k] = hn::LoadU(d, keys[k] + i);
    for (int64_t q = 0; q < kTile; ++q) {
      const auto value = hn::LoadU(d, queries[q].data + i);
      for (int64_t k = 0; k < kKeyTile; ++k) sums[q][k] = hn::MulAdd(value, key[k], sums[q][k]);
    }
  }
  for (int64_t q = 0; q < kTile; ++q) {
    for (int64_t k = 0; k < key_count; ++k) {
      scores[q * kSegment + k] = hn::GetLane(hn::SumOfLanes(d, sums[q][k]));
    }
  }
}

/// Scores of all queries for the positions `range` of one segment, at [query, position -
/// segment_begin].
template <class D>
void Scores(D d, const QueryBlock& block, Interval range, int64_t segment_begin, float* scores) {
  int64_t slot = range.begin % block.capacity;
  for (int64_t p = range.begin; p < range.end; p += kKeyTile) {
    const int64_t count = std::min(kKeyTile, range.end - p);
    const float* keys[kKeyTile];
    for (int64_t k = 0; k < kKeyTile; ++k) {
      keys[k] = block.keys + slot * block.stride;
      if (k + 1 < count || (k + 1 == count && count == kKeyTile)) {
        slot = slot + 1 == block.capacity ? 0 : slot + 1;
      }
    }
    for (int64_t q = 0; q < block.count; q += kQueryTile) {
      float* out = scores + q * kSegment + (p - segment_begin);
      const Query* queries = block.queries + q;
      switch (std::min(kQueryTile, block.count - q)) {
        case 1:
          ScoreTile<1>(d, queries, keys, block.head_dim, count, out);
          break;
        case 2:
          ScoreTile<2>(d, queries, keys, block.head_dim, count, out);
          break;
        case 3:
          ScoreTile<3>(d, queries, keys, block.head_dim, count, out);
          break;
        default:
          ScoreTile<kQueryTile>(d, queries, keys, block.head_dim, count, out);
          break;
      }
    }
  }
}

/// Scores to exponentials for one query; outside what it sees they become 0. Positions are relative
/// to the segment.
void Exponentials(Interval range, Interval sees, float* scores, float* largest, float* sum) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t begin = range.begin / lanes * lanes;
  const int64_t end = (range.end + lanes - 1) / lanes * lanes;
  const int64_t first = std::clamp(sees.begin, begin, end);
  const int64_t last = std::clamp(sees.end, first, end);
  std::fill(scores + begin, scores + first, kMasked);
  std::fill(scores + last, scores + end, kMasked);
  auto most = hn::Set(d, kMasked);
  for (int64_t i = begin; i < end; i += lanes) most = hn::Max(most, hn::Load(d, scores + i));
  most = hn::MaxOfLanes(d, most);
  *largest = hn::GetLane(most);
  if (first == last) {
    std::fill(scores + begin, scores + end, 0.0f);
    *sum = 0;
    return;
  }
  auto total = hn::Zero(d);
  for (int64_t i = begin; i < end; i += lanes) {
    const auto value = hn::Exp(d, hn::Sub(hn::Load(d, scores + i), most));
    hn::Store(value, d, scores + i);
    total = hn::Add(total, value);
  }
  *sum = hn::GetLane(hn::SumOfLanes(d, total));
}

/// sums[q] += the exponentials times the values of `count` positions.
template <int64_t kTile, class D>
HWY_INLINE void AddValues(D d, const float* const (&values)[kValueBlock], int64_t count,
                          const float* exponentials, int64_t head_dim, float* sums) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < head_dim; i += lanes) {
    hn::Vec<D> tile[kTile];
    for (int64_t q = 0; q < kTile; ++q) tile[q] = hn::LoadU(d, sums + q * head_dim + i);
    for (int64_t p = 0; p < count; ++p) {
      const auto value = hn::LoadU(d, values[p] + i);
      for (int64_t q = 0; q < kTile; ++q) {
        tile[q] = hn::MulAdd(hn::Set(d, exponentials[q * kSegment + p]), value, tile[q]);
      }
    }
    for (int64_t q = 0; q < kTile; ++q) hn::StoreU(tile[q], d, sums + q * head_dim + i);
  }
}

/// out[q] = sum over the positions of exponential x value.
template <class D>
void WeightedValues(D d, const QueryBlock& block, Interval range, int64_t segment_begin,
                    const float* exponentials, float* out) {
  std::fill_n(out, block.count * block.head_dim, 0.0f);
  int64_t slot = range.begin % block.capacity;
  for (int64_t p = range.begin; p < range.end; p += kValueBlock) {
    const int64_t count = std::min(kValueBlock, range.end - p);
    const float* values[kValueBlock] = {};
    for (int64_t i = 0; i < count; ++i) {
      values[i] = block.values + slot * block.stride;
      slot = slot + 1 == block.capacity ? 0 : slot + 1;
    }
    for (int64_t q = 0; q < block.count; q += kQueryTile) {
      const float* factors = exponentials + q * kSegment + (p - segment_begin);
      float* sums = out + q * block.head_dim;
      switch (std::min(kQueryTile, block.count - q)) {
        case 1:
          AddValues<1>(d, values, count, factors, block.head_dim, sums);
          break;
        case 2:
          AddValues<2>(d, values, count, factors, block.head_dim, sums);
          break;
        case 3:
          AddValues<3>(d, values, count, factors, block.head_dim, sums);
          break;
        default:
          AddValues<kQueryTile>(d, values, count, factors, block.head_dim, sums);
          break;
      }
    }
  }
}

template <class D>
void AttendWith(D d, const QueryBlock& block, int64_t segment, float* scores, Partial result) {
  const int64_t segment_begin = (block.sees.begin / kSegment + segment) * kSegment;
  const Interval range = {std::max(segment_begin, block.sees.begin),
                          std::min(segment_begin + kSegment, block.sees.end)};
  Scores(d, block, range, segment_begin, scores);
  for (int64_t q = 0; q < block.count; ++q) {
    const Interval sees = block.queries[q].sees;
    Exponentials({range.begin - segment_begin, range.end - segment_begin},
                 {sees.begin - segment_begin, sees.end - segment_begin}, scores + q * kSegment,
                 result.largest + q, result.sums + q);
  }
  WeightedValues(d, block, range, segment_begin, scores, result.values);
}

/// One segment of a block. scores: [kQueries, kSegment] of memory.
void AttendSegment(const QueryBlock& block, int64_t segment, float* scores, Partial result) {
  const hn::ScalableTag<float> widest;
  if (block.head_dim % static_cast<int64_t>(hn::Lanes(widest)) == 0) {
    AttendWith(widest, block, segment, scores, result);
  } else {
    AttendWith(hn::CappedTag<float, 8>(), block, segment, scores, result);
  }
}

/// total = the partial results of the positions so far and of the next segment together.
void MergeSegment(const QueryBlock& block, Partial next, Partial total) {
  const hn::CappedTag<float, 8> d;
  for (int64_t q = 0; q < block.count; ++q) {
    if (next.sums[q] == 0) continue;
    const float largest = std::max(total.largest[q], next.largest[q]);
    const hn::CappedTag<float, 1> one;
    const float old_factor = hn::GetLane(hn::Exp(one, hn::Set(one, total.largest[q] - largest)));
    const float new_factor = hn::GetLane(hn::Exp(one, hn::Set(one, next.largest[q] - largest)));
    total.largest[q] = largest;
    total.sums[q] = total.sums[q] * old_factor + next.sums[q] * new_factor;
    float* sums = total.values + q * block.head_dim;
    const float* add = next.values + q * block.head_dim;
    for (int64_t i = 0; i < block.head_dim; i += static_cast<int64_t>(hn::Lanes(d))) {
      const auto scaled = hn::Mul(hn::LoadU(d, sums + i), hn::Set(d, old_factor));
      const auto added = hn::MulAdd(hn::LoadU(d, add + i), hn::Set(d, new_factor), scaled);
      hn::StoreU(added, d, sums + i);
    }
  }
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
namespace {

HWY_EXPORT(AttendSegment);
HWY_EXPORT(MergeSegment);

/// The queries of one sequence and key/value head, from first_query on.
struct Task {
  const AttentionSequence* sequence = nullptr;
  int64_t kv_head = 0;
  int64_t first_query = 0;
};

std::vector<Task> TasksOf(const AttentionShape& shape,
                          std::span<const AttentionSequence> sequences) {
  const int64_t group = shape.heads / shape.kv_heads;
  std::vector<Task> tasks;
  for (const AttentionSequence& sequence : sequences) {
    for (int64_t first = 0; first < sequence.rows * group; first += kQueries) {
      for (int64_t head = 0; head < shape.kv_heads; ++head) {
        tasks.push_back({&sequence, head, first});
      }
    }
  }
  return tasks;
}

QueryBlock BlockOf(const AttentionShape& shape, const Task& task, ConstMatrix query, Matrix out) {
  const AttentionSequence& sequence = *task.sequence;
  const int64_t group = shape.heads / shape.kv_heads;
  QueryBlock block;
  block.count = std::min(kQueries, sequence.rows * group - task.first_query);
  block.head_dim = shape.head_dim;
  block.keys = static_cast<const float*>(sequence.keys) + task.kv_head * shape.head_dim;
  block.values = static_cast<const float*>(sequence.values) + task.kv_head * shape.head_dim;
  block.capacity = sequence.capacity;
  block.stride = shape.kv_heads * shape.head_dim;
  for (int64_t q = 0; q < block.count; ++q) {
    const int64_t row = (task.first_query + q) / group;
    const int64_t head = task.kv_head * group + (task.first_query + q) % group;
    const int64_t position = sequence.first_position + row;
    const int64_t begin = shape.window == 0 ? 0 : std::max<int64_t>(0, position - shape.window + 1);
    const Interval sees = {begin, sequence.visible_end[row]};
    block.queries[q] = {query.row(sequence.first_row + row) + head * shape.head_dim,
                        out.row(sequence.first_row + row) + head * shape.head_dim, sees};
    block.sees = q == 0 ? sees
                        : Interval{std::min(block.sees.begin, sees.begin),
                                   std::max(block.sees.end, sees.end)};
  }
  return block;
}

void Clear(const QueryBlock& block, Partial total) {
  std::fill_n(total.values, block.count * block.head_dim, 0.0f);
  std::fill_n(total.largest, block.count, kMasked);
  std::fill_n(total.sums, block.count, 0.0f);
}

void WriteResult(const QueryBlock& block, Partial total) {
  for (int64_t q = 0; q < block.count; ++q) {
    for (int64_t i = 0; i < block.head_dim; ++i) {
      block.queries[q].out[i] = total.values[q * block.head_dim + i] / total.sums[q];
    }
  }
}

constexpr int64_t kScoreFloats = kQueries * kSegment;

/// A block on one thread, from the first segment to the last. memory: scores and two partials.
void AttendAlone(const QueryBlock& block, float* memory) {
  const Partial next = Partial::At(memory + kScoreFloats, block.head_dim);
  const Partial total =
      Partial::At(memory + kScoreFloats + Partial::Floats(block.head_dim), block.head_dim);
  Clear(block, total);
  for (int64_t segment = 0; segment < block.segments(); ++segment) {
    HWY_DYNAMIC_DISPATCH(AttendSegment)(block, segment, memory, next);
    HWY_DYNAMIC_DISPATCH(MergeSegment)(block, next, total);
  }
  WriteResult(block, total);
}

}  // namespace

void CpuBackend::Attention(const AttentionShape& shape,
                           std::span<const AttentionSequence> sequences, ConstMatrix query,
                           Matrix out) {
  const std::vector<Task> tasks = TasksOf(shape, sequences);
  const auto task_count = static_cast<int64_t>(tasks.size());
  const int64_t partial_floats = Partial::Floats(shape.head_dim);
  if (task_count >= 2 * pool_.threads()) {
    const int64_t thread_floats = kScoreFloats + 2 * partial_floats;
    auto* memory = static_cast<float*>(Scratch(pool_.threads() * thread_floats * 4));
    pool_.ParallelFor(task_count, 1, [&](int64_t task, int64_t, int worker) {
      AttendAlone(BlockOf(shape, tasks[static_cast<size_t>(task)], query, out),
                  memory + worker * thread_floats);
    });
    return;
  }
  // Too few blocks for the threads: one block after the other, its segments side by side, a wave of
  // them at a time so that the memory stays bounded.
  const int64_t wave = 4 * pool_.threads();
  auto* memory = static_cast<float*>(
      Scratch((pool_.threads() * kScoreFloats + (wave + 1) * partial_floats) * 4));
  float* partials = memory + pool_.threads() * kScoreFloats;
  const Partial total = Partial::At(partials + wave * partial_floats, shape.head_dim);
  for (const Task& task : tasks) {
    const QueryBlock block = BlockOf(shape, task, query, out);
    Clear(block, total);
    for (int64_t first = 0; first < block.segments(); first += wave) {
      const int64_t count = std::min(wave, block.segments() - first);
      const auto partial = [&](int64_t i) {
        return Partial::At(partials + i * partial_floats, shape.head_dim);
      };
      pool_.ParallelFor(count, 1, [&](int64_t i, int64_t, int worker) {
        HWY_DYNAMIC_DISPATCH(AttendSegment)
        (block, first + i, memory + worker * kScoreFloats, partial(i));
      });
      for (int64_t i = 0; i < count; ++i) {
        HWY_DYNAMIC_DISPATCH(MergeSegment)(block, partial(i), total);
      }
    }
    WriteResult(block, total);
  }
}

}  // namespace facet
#endif
