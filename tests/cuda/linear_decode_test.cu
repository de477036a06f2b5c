// The decode kernels of linear layers on a device against plain float64 sums of exactly decoded
// weights. Stands alone: no arguments, closes with "N passed, N failed". With "bench" it also times
// the 12B model's shapes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/pack.h"
#include "linear_checks.cuh"
#include "linear_decode_variants.cuh"

namespace facet::cuda {
namespace {

/// Every variant, then the launcher's choice, into rows of `rows` and of more columns.
void TestLinear(const Shape& shape) {
  const FileWeight weight(shape.rows, shape.cols, 5, shape.sampled == 0);
  DeviceArray<uint8_t> packed(PackedBytes(shape.rows, shape.cols));
  Check(PackNvfp4OnDevice(weight.view(), packed.data(), nullptr), "pack");
  const int64_t stride = shape.cols + 8;  // what is between the rows is NaN
  const RandomBf16 numbers(shape.tokens * stride, 11);
  DeviceArray<uint16_t> data(shape.tokens * stride);
  Check(cudaMemcpy2D(data.data(), stride * 2, numbers.data(), stride * 2, shape.cols * 2,
                     shape.tokens, cudaMemcpyDeviceToDevice),
        "copy");
  const LinearInput x{data.data(), shape.tokens, shape.cols, stride};
  const Sample sample{shape.tokens, shape.rows, shape.sampled};
  const Expected expected{weight.view(), nullptr, {}, 0.37f, 1};
  LinearNvfp4Desc desc{x, packed.data(), {}, 1, LinearOut::kFloat32};
  for (const DecodeVariant& variant : kDecodeVariants) {
    if (shape.tokens > variant.max_tokens) continue;
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
                        return LinearNvfp4Decode(desc, nullptr);
                      });
  desc.out_type = LinearOut::kBf16;
  CheckProduct<uint16_t>(Name("linear to BF16", shape.tokens, shape.rows, shape.cols), x, expected,
                         sample, shape.rows + 3, kRoundedTolerance, [&](uint16_t* out) {
                           desc.parts[0] = {shape.rows, 0.37f, out, shape.rows + 3};
                           return LinearNvfp4Decode(desc, nullptr);
                         });
}

void TestGateUp(const Shape& shape) {
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
        return GateUpNvfp4Decode({x, packed.data(), shape.rows, alpha, 0.7f, out, shape.rows},
                                 nullptr);
      });
}

void TestBf16(const Shape& shape) {
  const RandomBf16 weight(shape.rows * shape.cols, 13);
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  const LinearInput x{data.data(), shape.tokens, shape.cols, shape.cols};
  const Expected expected{{}, weight.data(), {}, 1, 1};
  CheckProduct<float>(
      Name("BF16 linear", shape.tokens, shape.rows, shape.cols), x, expected,
      {shape.tokens, shape.rows, shape.sampled}, shape.rows, kFloatTolerance, [&](float* out) {
        return LinearBf16Decode(
            {x, weight.data(), {shape.rows, 1.0f, out, shape.rows}, LinearOut::kFloat32}, nullptr);
      });
}

/// Query, key and value as one product into three outputs.
void TestParts(int64_t tokens, std::array<int64_t, 3> rows, int64_t cols) {
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
    Check(PackNvfp4OnDevice(weights[i]->view(), packed.data() + offset, nullptr), "pack");
    offset += PackedBytes(rows[i], cols);
    desc.parts[i] = {rows[i], 0.1f * static_cast<float>(i + 1), outs[i]->data(), rows[i]};
  }
  Check(LinearNvfp4Decode(desc, nullptr), "parts");
  for (size_t i = 0; i < 3; ++i) {
    const double error = ErrorOf(x, {weights[i]->view(), nullptr, {}, desc.parts[i].alpha, 1},
                                 {tokens, rows[i], 0}, outs[i]->ToHost(), rows[i]);
    Report(Name("part", tokens, rows[i], cols), error < kFloatTolerance, error);
  }
}

void TestAll() {
  for (const Shape& shape : std::vector<Shape>{{1, 16, 16},
                                               {3, 384, 192},
                                               {8, 192, 576},
                                               {16, 200, 512},
                                               {5, 100, 80},
                                               {16, 576, 192},
                                               {9, 640, 1024},
                                               {7, 4104, 336},
                                               {1, 8192, 3840, 4096},
                                               {4, 3840, 15360, 4096},
                                               {8, 3840, 4096, 4096},
                                               {16, 3840, 15360, 4096},
                                               {13, 30720, 3840, 4096}})
    TestLinear(shape);
  for (const Shape& shape : std::vector<Shape>{
           {1, 576, 192}, {16, 100, 192}, {3, 1000, 576}, {1, 15360, 3840}, {16, 15360, 3840}})
    TestGateUp(shape);
  for (const Shape& shape : std::vector<Shape>{{1, 40, 192},
                                               {16, 1000, 192},
                                               {3, 100, 40},
                                               {8, 3840, 6912, 4096},
                                               {16, 3840, 15360, 4096},
                                               {1, 262144, 3840, 8192},
                                               {16, 262144, 3840, 8192}})
    TestBf16(shape);
  TestParts(5, {256, 128, 128}, 192);
  TestParts(16, {256, 120, 136}, 208);
}

/// Weights taken in turn from enough copies that no launch finds its own in L2.
struct BenchLinear {
  explicit BenchLinear(const Shape& s)
      : shape(s),
        bytes(PackedBytes(s.rows, s.cols)),
        copies(static_cast<int>(std::min<int64_t>(24, 200'000'000 / bytes + 1))),
        weight(s.rows, s.cols, 5, false),
        packed(bytes * copies),
        x(s.tokens * s.cols, 11),
        out(s.tokens * s.rows) {
    for (int i = 0; i < copies; ++i)
      Check(PackNvfp4OnDevice(weight.view(), packed.data() + i * bytes, nullptr), "pack");
  }

  template <typename Launch>
  double Us(const Launch& launch, bool programmatic, int64_t prefetch) const {
    LinearNvfp4Desc desc{{x.data(), shape.tokens, shape.cols, shape.cols},
                         nullptr,
                         {},
                         1,
                         LinearOut::kFloat32,
                         programmatic};
    desc.parts[0] = {shape.rows, 1.0f, out.data(), shape.rows};
    return 1e3 * MedianMs(48, [&](int i, cudaStream_t stream) {
             desc.packed = packed.data() + i % copies * bytes;
             desc.prefetch = {packed.data() + (i + 1) % copies * bytes, std::min(bytes, prefetch)};
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

/// A line of every variant's microseconds, one kernel after another with early starts, then of the
/// launcher's choice: without early starts, with, and with prefetches of the next weight.
void BenchVariants(const Shape& shape) {
  const BenchLinear bench(shape);
  const double floor = static_cast<double>(bench.bytes) / kPeakTbs * 1e-6;
  std::printf("%2ld x %5ld x %5ld floor %.1f:", static_cast<long>(shape.tokens),
              static_cast<long>(shape.rows), static_cast<long>(shape.cols), floor);
  for (const DecodeVariant& variant : kDecodeVariants) {
    if (shape.tokens > variant.max_tokens || (shape.tokens > 8) != (variant.max_tokens > 8)) {
      continue;
    }
    std::printf(" %s %.1f", variant.name, bench.Us(variant.launch, true, 0));
  }
  std::printf("\n    chosen: plain %.1f, early %.1f, prefetching 2 MB %.1f, 4 %.1f, 8 %.1f\n",
              bench.Us(LinearNvfp4Decode, false, 0), bench.Us(LinearNvfp4Decode, true, 0),
              bench.Us(LinearNvfp4Decode, true, 2'000'000),
              bench.Us(LinearNvfp4Decode, true, 4'000'000),
              bench.Us(LinearNvfp4Decode, true, 8'000'000));
}

template <class Stream, int kTokenTiles>
void BenchBf16(const char* name, const Shape& shape) {
  const RandomBf16 weight(shape.rows * shape.cols, 13);
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  DeviceArray<float> out(shape.tokens * shape.rows);
  const LinearBf16Desc desc{{data.data(), shape.tokens, shape.cols, shape.cols},
                            weight.data(),
                            {shape.rows, 1.0f, out.data(), shape.rows},
                            LinearOut::kFloat32,
                            true};
  const double ms = MedianMs(2, [&](int, cudaStream_t stream) {
    return LaunchBf16Variant<Stream, kTokenTiles>(desc, stream);
  });
  std::printf("head %s %2ld tokens: %.1f us, %.2f TB/s\n", name, static_cast<long>(shape.tokens),
              1e3 * ms, 2e-9 * static_cast<double>(weight.size()) / ms);
}

void BenchAll() {
  for (const int64_t tokens : {1, 8, 16}) {
    BenchVariants({tokens, 8192, 3840});
    BenchVariants({tokens, 3840, 4096});
    BenchVariants({tokens, 30720, 3840});
    BenchVariants({tokens, 3840, 15360});
  }
  using sm90::Bf16Stream;
  BenchBf16<Bf16Stream<8, 2>, 1>("2x8", {1, 262144, 3840});
  BenchBf16<Bf16Stream<8, 1>, 1>("1x8", {1, 262144, 3840});
  BenchBf16<Bf16Stream<16, 1>, 1>("1x16", {1, 262144, 3840});
  BenchBf16<Bf16Stream<4, 4>, 1>("4x4", {1, 262144, 3840});
  BenchBf16<Bf16Stream<8, 2>, 2>("2x8", {16, 262144, 3840});
  BenchBf16<Bf16Stream<16, 1>, 2>("1x16", {16, 262144, 3840});
}

}  // namespace
}  // namespace facet::cuda

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  facet::cuda::TestAll();
  std::printf("largest error of float32 outputs %.2g\n", facet::cuda::largest_float_error);
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) facet::cuda::BenchAll();
  return facet::cuda::CloseTests();
}
