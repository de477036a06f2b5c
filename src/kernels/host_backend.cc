#include "kernels/host_backend.h"

#include <algorithm>
#include <cmath>

namespace facet {
namespace {

/// Rows of heads as rows of one head each, for the norms over head_dim.
Matrix PerHead(Matrix x, int64_t head_dim) {
  return {x.data, x.rows * x.cols / head_dim, head_dim};
}

template <typename T>
void Assign(std::vector<T>& to, std::span<const T> from) {
  to.assign(from.begin(), from.end());
}

/// The order of TopK(): NaN, then larger values, then lower columns.
bool RanksBefore(const RankedValue& a, const RankedValue& b) {
  const bool a_is_nan = std::isnan(a.value);
  const bool b_is_nan = std::isnan(b.value);
  if (a_is_nan != b_is_nan) return a_is_nan;
  if (!a_is_nan && a.value != b.value) return a.value > b.value;
  return a.column < b.column;
}

}  // namespace

/// Applies linears that read the same input, quantizing it first where mode and weight ask for it.
class HostBackend::Inputs {
 public:
  Inputs(HostBackend& backend, const GroupInput& input)
      : backend_(backend), input_(input), x_(RowsOf(input.x)) {}

  void Multiply(const Weight& weight, Matrix out) {
    const auto* nvfp4 = std::get_if<Nvfp4Matrix>(&weight);
    if (input_.quantized != nullptr && nvfp4 != nullptr && nvfp4->input_scale) {
      backend_.LinearW4A4(*nvfp4, Quantized(*nvfp4->input_scale), out);
    } else {
      backend_.Linear(weight, x_, out);
    }
  }

 private:
  /// The input in NVFP4; made once while the scale stays the same, as it does within a group.
  Nvfp4Matrix Quantized(float input_scale) {
    auto* codes = static_cast<uint8_t*>(input_.quantized);
    uint8_t* block_scales = codes + x_.rows * x_.cols / 2;
    if (quantized_with_ != input_scale) {
      backend_.QuantizeActivations(x_, input_scale, codes, block_scales);
      quantized_with_ = input_scale;
    }
    return {x_.rows, x_.cols, codes, block_scales, input_scale, std::nullopt};
  }

  HostBackend& backend_;
  GroupInput input_;
  ConstMatrix x_;
  std::optional<float> quantized_with_;
};

void HostBackend::BeginStep(const StepPlan& plan) {
  Assign(tokens_, plan.tokens);
  Assign(sequences_, plan.sequences);
  Assign(rings_, plan.rings);
  for (const size_t kind : {size_t{0}, size_t{1}})
    Assign(frequencies_[kind], plan.frequencies[kind]);
  causal_end_.clear();
  for (const StepSequence& sequence : sequences_) {
    for (int64_t i = 0; i < sequence.rows; ++i) {
      causal_end_.push_back(sequence.first_position + i + 1);
    }
  }
  visible_end_ = causal_end_;
  if (!plan.visible_end.empty()) Assign(visible_end_, plan.visible_end);
}

void HostBackend::Embed(const Bf16Matrix& table, float scale, Matrix out) {
  EmbedRows(table, tokens_, scale, out);
}

void HostBackend::Angles(size_t kind, const RopeAngles& out) {
  int64_t i = 0;
  for (const int64_t end : causal_end_) {
    for (const double frequency : frequencies_[kind]) {
      const double angle = static_cast<double>(end - 1) * frequency;
      out.cosines.data[i] = static_cast<float>(std::cos(angle));
      out.sines.data[i] = static_cast<float>(std::sin(angle));
      ++i;
    }
  }
}

void HostBackend::ResidualNorm(const ResidualNormStep& step) {
  RmsNorm(step.x, step.weight, step.eps, step.x);
  Residual(step.x, step.scale, step.residual);
  if (step.next_weight != nullptr) {
    RmsNorm(step.residual, step.next_weight, step.eps, RowsOf(step.next));
  }
}

void HostBackend::QueryKeyValue(const QueryKeyValueStep& step) {
  const int64_t head_dim = step.shape.head_dim;
  Inputs inputs(*this, step.input);
  inputs.Multiply(*step.query_weight, step.query);
  inputs.Multiply(*step.key_weight, step.key);
  if (step.value_weight != nullptr) inputs.Multiply(*step.value_weight, step.value);

  // Raw keys may be the values: they are read before the keys' norm and rotation.
  const Matrix raw_value = step.value_weight != nullptr ? step.value : step.key;
  const Matrix query = RowsOf(step.out);
  RmsNorm(PerHead(raw_value, head_dim), nullptr, step.eps, PerHead(step.value, head_dim));
  RmsNorm(PerHead(step.query, head_dim), step.query_norm, step.eps, PerHead(query, head_dim));
  RmsNorm(PerHead(step.key, head_dim), step.key_norm, step.eps, PerHead(step.key, head_dim));
  Rope(query, step.angles);
  Rope(step.key, step.angles);

  int64_t row = 0;
  for (size_t s = 0; s < sequences_.size(); ++s) {
    const auto [rows, position] = sequences_[s];
    const CacheRing& ring = RingOf(step.layer, s);
    AppendCache(step.key.Rows(row, rows), position, ring.capacity, ring.keys);
    AppendCache(step.value.Rows(row, rows), position, ring.capacity, ring.values);
    row += rows;
  }
}

void HostBackend::Attend(const AttentionStep& step) {
  const int64_t* ends = step.sees_images_whole ? visible_end_.data() : causal_end_.data();
  std::vector<AttentionSequence> sequences;
  int64_t row = 0;
  for (size_t s = 0; s < sequences_.size(); ++s) {
    const CacheRing& ring = RingOf(step.layer, s);
    sequences.push_back({.first_row = row,
                         .rows = sequences_[s].rows,
                         .first_position = sequences_[s].first_position,
                         .keys = ring.keys,
                         .values = ring.values,
                         .capacity = ring.capacity,
                         .visible_end = ends + row});
    row += sequences_[s].rows;
  }
  Attention(step.shape, sequences, RowsOf(step.query), RowsOf(step.out));
}

void HostBackend::Project(const Weight& weight, const GroupInput& input, Matrix out) {
  Inputs(*this, input).Multiply(weight, out);
}

void HostBackend::GateUp(const GateUpStep& step) {
  Inputs inputs(*this, step.input);
  inputs.Multiply(*step.gate_weight, step.gate);
  inputs.Multiply(*step.up_weight, step.up);
  GeluMul(step.gate, step.up, RowsOf(step.out));
}

bool HostBackend::TopK(ConstMatrix x, int64_t k, std::span<RankedValue> out) {
  std::vector<RankedValue> row(static_cast<size_t>(x.cols));
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t i = 0; i < x.cols; ++i) {
      row[static_cast<size_t>(i)] = {static_cast<int32_t>(i), x.row(r)[i]};
    }
    const auto target = out.begin() + r * k;
    std::partial_sort_copy(row.begin(), row.end(), target, target + k, RanksBefore);
  }
  return true;
}

}  // namespace facet
