// The checks and timings that every family of linear kernels passes through.
#pragma once

#include <array>
#include <memory>

#include "kernels/cuda/pack.h"
#include "linear_checks.cuh"

namespace facet::cuda {

/// A family: the launchers of linear_prefill.h or of linear_decode.h.
struct LinearKernels {
  cudaError_t (*nvfp4)(const LinearNvfp4Desc&, cudaStream_t);
  cudaError_t (*gate_up)(const GateUpNvfp4Desc&, cudaStream_t);
  cudaError_t (*bf16)(const LinearBf16Desc&, cudaStream_t);
};

/// Every variant that `takes` allows, then the launcher's choice, into rows of `rows` and of more
/// columns. `gap` numbers lie between the rows of the activations.
template <typename Variants, typename Takes>
void TestLinear(const LinearKernels& kernels, const Variants& variants, const Takes& takes,
                const Shape& shape, int64_t gap) {
  const FileWeight weight(shape.rows, shape.cols, 5, shape.sampled == 0);
  DeviceArray<uint8_t> packed(PackedBytes(shape.rows, shape.cols));
  Check(PackNvfp4OnDevice(weight.view(), packed.data(), nullptr), "pack");
  const int64_t stride = shape.cols + gap;
  const RandomBf16 numbers(shape.tokens * stride, 11);
  DeviceArray<uint16_t> data(shape.tokens * stride);
  data.Fill(0xFF);  // NaN between the rows
  Check(cudaMemcpy2D(data.data(), stride * 2, numbers.data(), stride * 2, shape.cols * 2,
                     shape.tokens, cudaMemcpyDeviceToDevice),
        "copy");
  const LinearInput x{data.data(), shape.tokens, shape.cols, stride};
  const Sample sample{shape.tokens, shape.rows, shape.sampled};
  const Expected expected{weight.view(), nullptr, {}, 0.37f, 1};
  LinearNvfp4Desc desc{x, packed.data(), {}, 1, LinearOut::kFloat32};
  for (const auto& variant : variants) {
    if (!takes(variant)) continue;
    CheckProduct<float>(Name(variant.name, shape.tokens, shape.rows, shape.cols), x, expected,
                        sample, shape.rows, kFloatTolerance, [&](float* out) {
                          desc.parts[0] = {shape.rows, 0.37f, out, shape.rows};
                          return variant.launch(desc, nullptr);
                        });
  }
  desc.prefetch = {packed.data(), packed.size()};
  CheckProduct<float>(Name("linear", shape.tokens, shape.rows, shape.cols), x, expected, sample,
                      shape.rows + 8, kFloatTolerance, [&](float* out) {
                        desc.parts[0] = {shape.rows, 0.37f, out, shape.rows + 8};
                        return kernels.nvfp4(desc, nullptr);
                      });
  desc.out_type = LinearOut::kBf16;
  CheckProduct<uint16_t>(Name("linear to BF16", shape.tokens, shape.rows, shape.cols), x, expected,
                         sample, shape.rows + 3, kRoundedTolerance, [&](uint16_t* out) {
                           desc.parts[0] = {shape.rows, 0.37f, out, shape.rows + 3};
                           return kernels.nvfp4(desc, nullptr);
                         });
}

inline void TestGateUp(const LinearKernels& kernels, const Shape& shape) {
  const FileWeight gate(shape.rows, shape.cols, 5, false);
  const FileWeight up(shape.rows, shape.cols, 7, false);
  DeviceArray<uint8_t> packed(GateUpBytes(shape.rows, shape.cols));
  Check(PackGateUpOnDevice(gate.view(), up.view(), packed.data(), nullptr), "pack");
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  const LinearInput x{data.data(), shape.tokens, shape.cols, shape.cols};
  // Gates of size 1, so that every part of gelu is used.
  const float alpha = 0.5f / std::sqrt(static_cast<float>(shape.cols));
  const Expected expected{gate.view(), nullptr, up.view(), alpha, 0.7f};
  CheckProduct<uint16_t>(
      Name("gate/up", shape.tokens, shape.rows, shape.cols), x, expected,
      {shape.tokens, shape.rows, shape.sampled}, shape.rows, kRoundedTolerance, [&](uint16_t* out) {
        return kernels.gate_up({x, packed.data(), shape.rows, alpha, 0.7f, out, shape.rows},
                               nullptr);
      });
}

inline void TestBf16(const LinearKernels& kernels, const Shape& shape) {
  const RandomBf16 weight(shape.rows * shape.cols, 13);
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  const LinearInput x{data.data(), shape.tokens, shape.cols, shape.cols};
  const Expected expected{{}, weight.data(), {}, 1, 1};
  CheckProduct<float>(
      Name("BF16 linear", shape.tokens, shape.rows, shape.cols), x, expected,
      {shape.tokens, shape.rows, shape.sampled}, shape.rows, kFloatTolerance, [&](float* out) {
        return kernels.bf16(
            {x, weight.data(), {shape.rows, 1.0f, out, shape.rows}, LinearOut::kFloat32}, nullptr);
      });
}

/// Query, key and value as one product into three outputs.
inline void TestParts(const LinearKernels& kernels, int64_t tokens, std::array<int64_t, 3> rows,
                      int64_t cols) {
  const RandomBf16 data(tokens * cols, 11);
  const LinearInput x{data.data(), tokens, cols, cols};
  int64_t packed_bytes = 0;
  for (const int64_t count : rows) packed_bytes += PackedBytes(count, cols);
  DeviceArray<uint8_t> packed(packed_bytes);
  int64_t offset = 0;
  std::vector<std::unique_ptr<FileWeight>> weights;
  std::vector<std::unique_ptr<DeviceArray<float>>> outs;
  LinearNvfp4Desc desc{x, packed.data(), {}, 3, LinearOut::kFloat32};
  for (size_t i = 0; i < 3; ++i) {
    weights.push_back(std::make_unique<FileWeight>(rows[i], cols, 20 + 2 * i, false));
    outs.push_back(std::make_unique<DeviceArray<float>>(tokens * rows[i]));
    outs[i]->Fill(0xFF);
    Check(PackNvfp4OnDevice(weights[i]->view(), packed.data() + offset, nullptr), "pack");
    offset += PackedBytes(rows[i], cols);
    desc.parts[i] = {rows[i], 0.1f * static_cast<float>(i + 1), outs[i]->data(), rows[i]};
  }
  Check(kernels.nvfp4(desc, nullptr), "parts");
  for (size_t i = 0; i < 3; ++i) {
    const double error = ErrorOf(x, {weights[i]->view(), nullptr, {}, desc.parts[i].alpha, 1},
                                 {tokens, rows[i], 0}, outs[i]->ToHost(), rows[i]);
    Report(Name("part", tokens, rows[i], cols), error < kFloatTolerance, error);
  }
}

/// Weights taken in turn from enough copies that no launch finds its own in L2.
struct BenchLinear {
  BenchLinear(const Shape& s, int64_t most_copies)
      : shape(s),
        bytes(PackedBytes(s.rows, s.cols)),
        copies(static_cast<int>(std::min<int64_t>(most_copies, 200'000'000 / bytes + 1))),
        weight(s.rows, s.cols, 5, false),
        packed(bytes * copies),
        x(s.tokens * s.cols, 11),
        out(s.tokens * s.rows) {
    for (int i = 0; i < copies; ++i)
      Check(PackNvfp4OnDevice(weight.view(), packed.data() + i * bytes, nullptr), "pack");
  }

  /// How a timing launches.
  struct How {
    bool programmatic = false;
    int64_t prefetch = 0;  ///< bytes of the next weight
    LinearOut type = LinearOut::kFloat32;
  };
  /// Milliseconds of one of `launches` in a row.
  template <typename Launch>
  double Ms(const Launch& launch, int launches, const How& how) const {
    LinearNvfp4Desc desc{{x.data(), shape.tokens, shape.cols, shape.cols},
                         nullptr,
                         {},
                         1,
                         how.type,
                         how.programmatic};
    desc.parts[0] = {shape.rows, 1.0f, out.data(), shape.rows};
    return MedianMs(launches, [&](int i, cudaStream_t stream) {
      desc.packed = packed.data() + i % copies * bytes;
      desc.prefetch = {packed.data() + (i + 1) % copies * bytes, std::min(bytes, how.prefetch)};
      return launch(desc, stream);
    });
  }

  Shape shape;
  int64_t bytes;
  int copies;
  FileWeight weight;
  DeviceArray<uint8_t> packed;
  RandomBf16 x;
  DeviceArray<float> out;
};

}  // namespace facet::cuda
