// Linear layers: which kernel takes which weight. ref/linear.cc says what.
#include "kernels/cuda/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/for_each.cuh"
#include "kernels/cuda/linear_prefill.h"
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

}  // namespace

uint16_t* CudaBackend::RoundInputs(ConstMatrix x) {
  const int64_t stride = StrideOf(x.cols);
  auto* rounded = static_cast<uint16_t*>(inputs_.Reserve(*this, x.rows * stride * 2));
  RoundRows(stream_, x, stride, rounded);
  return rounded;
}

void CudaBackend::Linear(const Weight& weight, ConstMatrix x, Matrix out) {
  const uint16_t* inputs = RoundInputs(x);
  if (const auto* bf16 = std::get_if<Bf16Matrix>(&weight)) {
    MultiplyBf16(*bf16, inputs, out);
  } else {
    const auto& nvfp4 = std::get<Nvfp4Matrix>(weight);
    MultiplyNvfp4(nvfp4, inputs, nvfp4.global_scale, out);
  }
}

void CudaBackend::MultiplyBf16(const Bf16Matrix& weight, const uint16_t* x, Matrix out) {
  const LinearBf16Desc desc{
      .x = {.data = x,
            .tokens = out.rows,
            .cols = StrideOf(weight.cols),
            .stride = StrideOf(weight.cols)},
      .weight = weight.data,
      .part = {.rows = weight.rows, .alpha = 1, .out = out.data, .out_stride = out.cols},
      .out_type = LinearOut::kFloat32};
  Check(LinearBf16Prefill(desc, stream_));
}

void CudaBackend::MultiplyNvfp4(const Nvfp4Matrix& weight, const uint16_t* x, float alpha,
                                Matrix out) {
  LinearNvfp4Desc desc;
  desc.x = {.data = x, .tokens = out.rows, .cols = weight.cols, .stride = weight.cols};
  desc.packed = weight.codes;
  desc.parts[0] = {.rows = weight.rows, .alpha = alpha, .out = out.data, .out_stride = out.cols};
  Check(LinearNvfp4Prefill(desc, stream_));
}

}  // namespace facet::cuda
