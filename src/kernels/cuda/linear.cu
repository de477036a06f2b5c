// Linear layers: which kernel takes which weight. kernels/step.h says what each step computes.
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "kernels/cuda/head_norm_rope.h"
#include "kernels/cuda/linear_decode.h"
#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/pack_format.h"
#include "tensor/bf16.h"

namespace facet::cuda {
namespace {

/// x to BF16 rows `stride` apart, zeros behind each.
void RoundRows(cudaStream_t stream, ConstMatrix x, int64_t stride, uint16_t* out) {
  ForEach(stream, x.rows * stride, [=] __device__(int64_t i) {
    const int64_t col = i % stride;
    out[i] = col < x.cols ? Bf16FromFloat(x.data[i / stride * x.cols + col]) : uint16_t{0};
  });
}

/// out = gelu_tanh(gate) * up, rows of `out` `stride` apart.
void GeluMul(cudaStream_t stream, ConstMatrix gate, ConstMatrix up, int64_t stride, uint16_t* out) {
  // z / 2 (1 + tanh u) = z / (1 + e^-2u), which does not cancel. 2 sqrt(2 / pi):
  constexpr float kScale = 1.5957691216057308f;
  ForEach(stream, gate.rows * gate.cols, [=] __device__(int64_t i) {
    const float z = gate.data[i];
    const float gelu = z / (1 + expf(-kScale * (z + 0.044715f * z * z * z)));
    out[i / gate.cols * stride + i % gate.cols] = Bf16FromFloat(gelu * up.data[i]);
  });
}

const Nvfp4Matrix* AsNvfp4(const Weight& weight) { return std::get_if<Nvfp4Matrix>(&weight); }

/// Whether a linear layer may start before the kernel before it ends. Blocks of the decode kernels
/// leave room for a second one: started early, two come to share a processor while others have
/// none, and the whole waits for them. Blocks for many tokens fill a processor each.
bool StartsEarly(int64_t tokens) { return tokens > kMaxDecodeTokens; }

/// Whether PlaceGroup() made one matrix of these: their records follow each other.
bool ArePackedAsOne(std::span<const Weight* const> weights) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const Nvfp4Matrix* weight = AsNvfp4(*weights[i]);
    if (weight == nullptr) return false;
    if (i == 0) continue;
    const auto& before = std::get<Nvfp4Matrix>(*weights[i - 1]);
    if (weight->codes != before.codes + PackedBytes(before.rows, before.cols)) return false;
  }
  return true;
}

/// Whether PlaceGroup() interleaved gate and up.
bool AreInterleaved(const Weight& gate, const Weight& up) {
  return AsNvfp4(gate) != nullptr && AsNvfp4(up) != nullptr && AsNvfp4(up)->codes == nullptr;
}

}  // namespace

/// The inputs of linears that read the same, quantized at most once a scale.
class CudaBackend::Inputs {
 public:
  Inputs(CudaBackend& backend, const GroupInput& input) : backend_(backend), input_(input) {}

  /// What a weight is multiplied by, and the factor of the product beside the packed form's own.
  struct Factors {
    const uint16_t* x = nullptr;
    float alpha = 1;
  };
  Factors For(const Nvfp4Matrix& weight) {
    if (input_.quantized == nullptr || !weight.input_scale) {
      return {static_cast<const uint16_t*>(input_.x.data), weight.global_scale};
    }
    if (quantized_with_ != weight.input_scale) {
      backend_.QuantizeInput(input_, *weight.input_scale);
      quantized_with_ = weight.input_scale;
    }
    return {static_cast<const uint16_t*>(input_.quantized),
            *weight.input_scale * weight.global_scale};
  }

  void Multiply(const Weight& weight, Matrix out) {
    if (const auto* bf16 = std::get_if<Bf16Matrix>(&weight)) {
      backend_.MultiplyBf16(*bf16, static_cast<const uint16_t*>(input_.x.data), out);
      return;
    }
    const auto& nvfp4 = std::get<Nvfp4Matrix>(weight);
    const auto [x, alpha] = For(nvfp4);
    backend_.MultiplyNvfp4(nvfp4, x, alpha, out);
  }

 private:
  CudaBackend& backend_;
  const GroupInput& input_;
  std::optional<float> quantized_with_;
};

void CudaBackend::Linear(const Weight& weight, ConstMatrix x, Matrix out) {
  const int64_t stride = StrideOf(x.cols);
  auto* rounded = static_cast<uint16_t*>(inputs_.Reserve(*this, x.rows * stride * 2));
  RoundRows(stream_, x, stride, rounded);
  Project(weight, {{rounded, x.rows, x.cols}, nullptr}, out);
}

void CudaBackend::Project(const Weight& weight, const GroupInput& input, Matrix out) {
  Inputs(*this, input).Multiply(weight, out);
}

void CudaBackend::QueryKeyValue(const QueryKeyValueStep& step) {
  ProjectHeads(step);
  const float* value = step.value_weight != nullptr ? step.value.data : step.key.data;
  const AttentionShape& shape = step.shape;
  const HeadNormRopeDesc desc{.tokens = step.query.rows,
                              .heads = shape.heads,
                              .kv_heads = shape.kv_heads,
                              .head_dim = shape.head_dim,
                              .query = step.query.data,
                              .query_stride = step.query.cols,
                              .key = step.key.data,
                              .key_stride = step.key.cols,
                              .value = value,
                              .value_stride = step.key.cols,
                              .query_norm = step.query_norm,
                              .key_norm = step.key_norm,
                              .eps = step.eps,
                              .cosines = step.angles.cosines.data,
                              .sines = step.angles.sines.data,
                              .query_out = static_cast<uint16_t*>(step.out.data),
                              .slots = step_.slots(step.layer),
                              .sequences = static_cast<int64_t>(step_.sequences().size())};
  Check(HeadNormRope(desc, stream_));
}

void CudaBackend::ProjectHeads(const QueryKeyValueStep& step) {
  const std::array weights = {step.query_weight, step.key_weight, step.value_weight};
  const std::array outs = {step.query, step.key, step.value};
  const size_t count = step.value_weight != nullptr ? 3 : 2;
  Inputs inputs(*this, step.input);
  if (!ArePackedAsOne(std::span(weights).first(count))) {
    for (size_t i = 0; i < count; ++i) inputs.Multiply(*weights[i], outs[i]);
    return;
  }
  LinearNvfp4Desc desc;
  for (size_t i = 0; i < count; ++i) {
    const auto& weight = std::get<Nvfp4Matrix>(*weights[i]);
    const auto [x, alpha] = inputs.For(weight);
    desc.x = InputOf(x, step.input.x);
    desc.parts[i] = {
        .rows = weight.rows, .alpha = alpha, .out = outs[i].data, .out_stride = outs[i].cols};
  }
  desc.packed = std::get<Nvfp4Matrix>(*weights[0]).codes;
  desc.part_count = static_cast<int>(count);
  Multiply(desc);
}

void CudaBackend::GateUp(const GateUpStep& step) {
  Inputs inputs(*this, step.input);
  auto* out = static_cast<uint16_t*>(step.out.data);
  const int64_t stride = StrideOf(step.out.cols);
  if (!AreInterleaved(*step.gate_weight, *step.up_weight)) {
    inputs.Multiply(*step.gate_weight, step.gate);
    inputs.Multiply(*step.up_weight, step.up);
    GeluMul(stream_, step.gate, step.up, stride, out);
    return;
  }
  const auto& gate = std::get<Nvfp4Matrix>(*step.gate_weight);
  const auto [x, gate_alpha] = inputs.For(gate);
  const GateUpNvfp4Desc desc{.x = InputOf(x, step.input.x),
                             .packed = gate.codes,
                             .rows = gate.rows,
                             .gate_alpha = gate_alpha,
                             .up_alpha = inputs.For(std::get<Nvfp4Matrix>(*step.up_weight)).alpha,
                             .out = out,
                             .out_stride = stride,
                             .programmatic = StartsEarly(step.out.rows),
                             .prefetch = placed_.After(gate.codes)};
  Check(step.out.rows <= kMaxDecodeTokens ? GateUpNvfp4Decode(desc, stream_)
                                          : GateUpNvfp4Prefill(desc, stream_));
}

void CudaBackend::MultiplyBf16(const Bf16Matrix& weight, const uint16_t* x, Matrix out) {
  const LinearBf16Desc desc{
      .x = {.data = x,
            .tokens = out.rows,
            .cols = StrideOf(weight.cols),
            .stride = StrideOf(weight.cols)},
      .weight = weight.data,
      .part = {.rows = weight.rows, .alpha = 1, .out = out.data, .out_stride = out.cols},
      .out_type = LinearOut::kFloat32,
      .programmatic = StartsEarly(out.rows)};
  Check(out.rows <= kMaxDecodeTokens ? LinearBf16Decode(desc, stream_)
                                     : LinearBf16Prefill(desc, stream_));
}

void CudaBackend::MultiplyNvfp4(const Nvfp4Matrix& weight, const uint16_t* x, float alpha,
                                Matrix out) {
  LinearNvfp4Desc desc;
  desc.x = {.data = x, .tokens = out.rows, .cols = weight.cols, .stride = weight.cols};
  desc.packed = weight.codes;
  desc.parts[0] = {.rows = weight.rows, .alpha = alpha, .out = out.data, .out_stride = out.cols};
  Multiply(desc);
}

void CudaBackend::Multiply(LinearNvfp4Desc& desc) {
  desc.programmatic = StartsEarly(desc.x.tokens);
  desc.prefetch = placed_.After(desc.packed);
  Check(desc.x.tokens <= kMaxDecodeTokens ? LinearNvfp4Decode(desc, stream_)
                                          : LinearNvfp4Prefill(desc, stream_));
}

}  // namespace facet::cuda
