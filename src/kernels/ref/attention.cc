// Softmax attention of one query row and head at a time, over an interval of positions.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ref/ref_backend.h"

namespace facet {
namespace {

double Dot(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Scores to probabilities, in place.
void Softmax(std::vector<double>& scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (double& score : scores) score /= sum;
}

void AttendOne(const AttentionShape& shape, const AttentionSequence& sequence, int64_t row,
               int64_t head, const float* query, float* out) {
  const int64_t position = sequence.first_position + row;
  const int64_t begin = shape.window == 0 ? 0 : std::max<int64_t>(0, position - shape.window + 1);
  const int64_t end = sequence.visible_end[row];
  const int64_t kv_head = head / (shape.heads / shape.kv_heads);
  const auto offset = [&](int64_t p) {
    return ((p % sequence.capacity) * shape.kv_heads + kv_head) * shape.head_dim;
  };
  const auto* keys = static_cast<const float*>(sequence.keys);
  const auto* values = static_cast<const float*>(sequence.values);
  std::vector<double> scores;
  for (int64_t p = begin; p < end; ++p)
    scores.push_back(Dot(query, keys + offset(p), shape.head_dim));
  Softmax(scores);
  std::vector<double> sum(static_cast<size_t>(shape.head_dim), 0.0);
  for (int64_t p = begin; p < end; ++p) {
    const float* value = values + offset(p);
    for (int64_t i = 0; i < shape.head_dim; ++i) {
      sum[static_cast<size_t>(i)] += scores[static_cast<size_t>(p - begin)] * value[i];
    }
  }
  for (int64_t i = 0; i < shape.head_dim; ++i)
    out[i] = static_cast<float>(sum[static_cast<size_t>(i)]);
}

}  // namespace

void RefBackend::Attention(const AttentionShape& shape,
                           std::span<const AttentionSequence> sequences, ConstMatrix query,
                           Matrix out) {
  for (const AttentionSequence& sequence : sequences) {
    for (int64_t row = 0; row < sequence.rows; ++row) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        const int64_t t = sequence.first_row + row;
        AttendOne(shape, sequence, row, head, query.row(t) + head * shape.head_dim,
                  out.row(t) + head * shape.head_dim);
      }
    }
  }
}

}  // namespace facet
