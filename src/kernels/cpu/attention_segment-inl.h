// One segment of attention: scores, softmax, weighted values, and how segments are merged. Included
// once per target, as Highway's own -inl.h files.
#include <algorithm>
#include <cstdint>

#include "kernels/cpu/attention_block.h"

#if defined(FACET_KERNELS_CPU_ATTENTION_SEGMENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_KERNELS_CPU_ATTENTION_SEGMENT_INL_H_
#undef FACET_KERNELS_CPU_ATTENTION_SEGMENT_INL_H_
#else
#define FACET_KERNELS_CPU_ATTENTION_SEGMENT_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kQueryTile = 4;
constexpr int64_t kKeyTile = 3;     // 4 x 3 sums, 3 keys and 1 query fill 16 registers
constexpr int64_t kValueBlock = 8;  // values that are added before the sums go back to memory

/// scores[q][k] = queries[q] . keys[k].
template <int64_t kTile, class D>
HWY_INLINE void ScoreTile(D d, const AttentionQuery* queries, const float* const (&keys)[kKeyTile],
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
      scores[q * kAttentionSegment + k] = hn::GetLane(hn::SumOfLanes(d, sums[q][k]));
    }
  }
}

/// Scores of all queries for the positions `range` of one segment, at [query, position -
/// segment_begin].
template <class D>
void Scores(D d, const AttentionBlock& block, PositionRange range, int64_t segment_begin,
            float* scores) {
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
      float* out = scores + q * kAttentionSegment + (p - segment_begin);
      const AttentionQuery* queries = block.queries + q;
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
void Exponentials(PositionRange range, PositionRange sees, float* scores, float* largest,
                  float* sum) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t begin = range.begin / lanes * lanes;
  const int64_t end = (range.end + lanes - 1) / lanes * lanes;
  const int64_t first = std::clamp(sees.begin, begin, end);
  const int64_t last = std::clamp(sees.end, first, end);
  std::fill(scores + begin, scores + first, kMaskedScore);
  std::fill(scores + last, scores + end, kMaskedScore);
  auto most = hn::Set(d, kMaskedScore);
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
        tile[q] = hn::MulAdd(hn::Set(d, exponentials[q * kAttentionSegment + p]), value, tile[q]);
      }
    }
    for (int64_t q = 0; q < kTile; ++q) hn::StoreU(tile[q], d, sums + q * head_dim + i);
  }
}

/// out[q] = sum over the positions of exponential x value.
template <class D>
void WeightedValues(D d, const AttentionBlock& block, PositionRange range, int64_t segment_begin,
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
      const float* factors = exponentials + q * kAttentionSegment + (p - segment_begin);
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
void AttendWith(D d, const AttentionBlock& block, int64_t segment, float* scores,
                AttentionPartial result) {
  const int64_t segment_begin =
      (block.sees.begin / kAttentionSegment + segment) * kAttentionSegment;
  const PositionRange range = {std::max(segment_begin, block.sees.begin),
                               std::min(segment_begin + kAttentionSegment, block.sees.end)};
  Scores(d, block, range, segment_begin, scores);
  for (int64_t q = 0; q < block.count; ++q) {
    const PositionRange sees = block.queries[q].sees;
    Exponentials({range.begin - segment_begin, range.end - segment_begin},
                 {sees.begin - segment_begin, sees.end - segment_begin},
                 scores + q * kAttentionSegment, result.largest + q, result.sums + q);
  }
  WeightedValues(d, block, range, segment_begin, scores, result.values);
}

/// One segment of a block. scores: [kAttentionQueries, kAttentionSegment] of memory.
void AttendSegment(const AttentionBlock& block, int64_t segment, float* scores,
                   AttentionPartial result) {
  const hn::ScalableTag<float> widest;
  if (block.head_dim % static_cast<int64_t>(hn::Lanes(widest)) == 0) {
    AttendWith(widest, block, segment, scores, result);
  } else {
    AttendWith(hn::CappedTag<float, 8>(), block, segment, scores, result);
  }
}

/// total = the partial results of the positions so far and of the next segment together.
void MergeSegment(const AttentionBlock& block, AttentionPartial next, AttentionPartial total) {
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

#endif
