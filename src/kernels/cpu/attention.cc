// Softmax attention. ref/attention.cc says what.
//
// Queries are numbered row by row, and inside a row by the head in its group, so that up to
// kAttentionQueries queries of one key/value head share every key and value that is read. Positions
// are cut into segments at multiples of kAttentionSegment, whatever the call: a segment's scores,
// largest score, sum and weighted values are computed alone and then merged in order. So a query's
// result depends neither on the other rows of the call nor on how a prompt was chunked, and
// segments of a long context can run on several threads.
#include <algorithm>
#include <vector>

#include "kernels/cpu/attention_block.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/attention_segment-inl.h"

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
    for (int64_t first = 0; first < sequence.rows * group; first += kAttentionQueries) {
      for (int64_t head = 0; head < shape.kv_heads; ++head) {
        tasks.push_back({&sequence, head, first});
      }
    }
  }
  return tasks;
}

AttentionBlock BlockOf(const AttentionShape& shape, const Task& task, ConstMatrix query,
                       Matrix out) {
  const AttentionSequence& sequence = *task.sequence;
  const int64_t group = shape.heads / shape.kv_heads;
  AttentionBlock block;
  block.count = std::min(kAttentionQueries, sequence.rows * group - task.first_query);
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
    const PositionRange sees = {begin, sequence.visible_end[row]};
    block.queries[q] = {query.row(sequence.first_row + row) + head * shape.head_dim,
                        out.row(sequence.first_row + row) + head * shape.head_dim, sees};
    block.sees = q == 0 ? sees
                        : PositionRange{std::min(block.sees.begin, sees.begin),
                                        std::max(block.sees.end, sees.end)};
  }
  return block;
}

void Clear(const AttentionBlock& block, AttentionPartial total) {
  std::fill_n(total.values, block.count * block.head_dim, 0.0f);
  std::fill_n(total.largest, block.count, kMaskedScore);
  std::fill_n(total.sums, block.count, 0.0f);
}

void WriteResult(const AttentionBlock& block, AttentionPartial total) {
  for (int64_t q = 0; q < block.count; ++q) {
    for (int64_t i = 0; i < block.head_dim; ++i) {
      block.queries[q].out[i] = total.values[q * block.head_dim + i] / total.sums[q];
    }
  }
}

constexpr int64_t kScoreFloats = kAttentionQueries * kAttentionSegment;

/// A block on one thread, from the first segment to the last. memory: scores and two partials.
void AttendAlone(const AttentionBlock& block, float* memory) {
  const AttentionPartial next = AttentionPartial::At(memory + kScoreFloats, block.head_dim);
  const AttentionPartial total = AttentionPartial::At(
      memory + kScoreFloats + AttentionPartial::Floats(block.head_dim), block.head_dim);
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
  const int64_t partial_floats = AttentionPartial::Floats(shape.head_dim);
  if (task_count >= int64_t{2} * pool_.threads()) {
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
  const int64_t wave = int64_t{4} * pool_.threads();
  auto* memory = static_cast<float*>(
      Scratch((pool_.threads() * kScoreFloats + (wave + 1) * partial_floats) * 4));
  float* partials = memory + pool_.threads() * kScoreFloats;
  const AttentionPartial total =
      AttentionPartial::At(partials + wave * partial_floats, shape.head_dim);
  for (const Task& task : tasks) {
    const AttentionBlock block = BlockOf(shape, task, query, out);
    Clear(block, total);
    for (int64_t first = 0; first < block.segments(); first += wave) {
      const int64_t count = std::min(wave, block.segments() - first);
      const auto partial = [&](int64_t i) {
        return AttentionPartial::At(partials + i * partial_floats, shape.head_dim);
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
