// The linear kernels on a device against plain sums of exactly decoded weights. Stands alone: no
// arguments, closes with "N passed, N failed". With "bench" it also times the 12B model's shapes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/pack_device.h"
#include "linear_checks.cuh"
#include "linear_variants.cuh"

namespace facet::cuda {
namespace {

void TestPacking(int64_t rows, int64_t cols) {
  const FileWeight gate(rows, cols, 1, true);
  const FileWeight up(rows, cols, 3, true);
  const std::vector<uint8_t> gate_codes = gate.codes.ToHost();
  const std::vector<uint8_t> gate_scales = gate.scales.ToHost();
  const std::vector<uint8_t> up_codes = up.codes.ToHost();
  const std::vector<uint8_t> up_scales = up.scales.ToHost();
  const Nvfp4Matrix host{rows, cols, gate_codes.data(), gate_scales.data(), 1, std::nullopt};
  const Nvfp4Matrix host_up{rows, cols, up_codes.data(), up_scales.data(), 1, std::nullopt};

  DeviceArray<uint8_t> packed(PackedBytes(rows, cols));
  packed.Fill(0xEE);
  Check(PackNvfp4OnDevice(gate.view(), packed.data(), nullptr), "PackNvfp4OnDevice");
  std::vector<uint8_t> wanted(static_cast<size_t>(packed.size()));
  PackNvfp4(host, 0, PackedRowTiles(rows), wanted.data());
  Report(Name("pack", 0, rows, cols), packed.ToHost() == wanted, 0);

  DeviceArray<uint8_t> both(GateUpBytes(rows, cols));
  both.Fill(0xEE);
  Check(PackGateUpOnDevice(gate.view(), up.view(), both.data(), nullptr), "PackGateUpOnDevice");
  wanted.resize(static_cast<size_t>(both.size()));
  PackGateUp(host, host_up, 0, GateUpRowTiles(rows), wanted.data());
  Report(Name("pack gate/up", 0, rows, cols), both.ToHost() == wanted, 0);
}

/// Every tile variant, then the launcher's choice, into rows of `rows` and of rows + 8 columns.
void TestLinear(const Shape& shape) {
  std::printf("%s\n", Name("test", shape.tokens, shape.rows, shape.cols).c_str());
  const FileWeight weight(shape.rows, shape.cols, 5, shape.sampled == 0);
  DeviceArray<uint8_t> packed(PackedBytes(shape.rows, shape.cols));
  Check(PackNvfp4OnDevice(weight.view(), packed.data(), nullptr), "pack");
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  const LinearInput x{data.data(), shape.tokens, shape.cols, shape.cols};
  const Sample sample{shape.tokens, shape.rows, shape.sampled};
  const Expected expected{weight.view(), nullptr, {}, 0.37f, 1};
  LinearNvfp4Desc desc{x, packed.data(), {}, 1, LinearOut::kFloat32};
  for (const Variant& variant : kVariants) {
    CheckProduct<float>(Name(variant.name, shape.tokens, shape.rows, shape.cols), x, expected,
                        sample, shape.rows, kFloatTolerance, [&](float* out) {
                          desc.parts[0] = {shape.rows, 0.37f, out, shape.rows};
                          return variant.launch(desc, nullptr);
                        });
  }
  CheckProduct<float>(Name("linear", shape.tokens, shape.rows, shape.cols), x, expected, sample,
                      shape.rows + 8, kFloatTolerance, [&](float* out) {
                        desc.parts[0] = {shape.rows, 0.37f, out, shape.rows + 8};
                        return LinearNvfp4Prefill(desc, nullptr);
                      });
  desc.out_type = LinearOut::kBf16;
  CheckProduct<uint16_t>(Name("linear to BF16", shape.tokens, shape.rows, shape.cols), x, expected,
                         sample, shape.rows + 3, kRoundedTolerance, [&](uint16_t* out) {
                           desc.parts[0] = {shape.rows, 0.37f, out, shape.rows + 3};
                           return LinearNvfp4Prefill(desc, nullptr);
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
        return GateUpNvfp4Prefill({x, packed.data(), shape.rows, alpha, 0.7f, out, shape.rows},
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
        return LinearBf16Prefill(
            {x, weight.data(), {shape.rows, 1.0f, out, shape.rows}, LinearOut::kFloat32}, nullptr);
      });
}

/// Up to the split kernel's limit a token's result does not depend on how many there are.
void TestAlone(int64_t tokens, int64_t fewer, int64_t rows, int64_t cols) {
  const FileWeight weight(rows, cols, 5, false);
  DeviceArray<uint8_t> packed(PackedBytes(rows, cols));
  Check(PackNvfp4OnDevice(weight.view(), packed.data(), nullptr), "pack");
  const RandomBf16 data(tokens * cols, 11);
  const auto product = [&](int64_t count) {
    DeviceArray<float> out(count * rows);
    LinearNvfp4Desc desc{{data.data(), count, cols, cols}, packed.data(), {}, 1};
    desc.parts[0] = {rows, 1.0f, out.data(), rows};
    Check(LinearNvfp4Prefill(desc, nullptr), "alone");
    return out.ToHost();
  };
  const std::vector<float> few = product(fewer);
  const std::vector<float> many = product(tokens);
  Report(Name("alone", tokens, rows, cols),
         std::memcmp(few.data(), many.data(), few.size() * sizeof(float)) == 0, 0);
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
    outs[i]->Fill(0xFF);
    Check(PackNvfp4OnDevice(weights[i]->view(), packed.data() + offset, nullptr), "pack");
    offset += PackedBytes(rows[i], cols);
    desc.parts[i] = {rows[i], 0.1f * static_cast<float>(i + 1), outs[i]->data(), rows[i]};
  }
  Check(LinearNvfp4Prefill(desc, nullptr), "parts");
  for (size_t i = 0; i < 3; ++i) {
    const double error = ErrorOf(x, {weights[i]->view(), nullptr, {}, desc.parts[i].alpha, 1},
                                 {tokens, rows[i], 0}, outs[i]->ToHost(), rows[i]);
    Report(Name("part", tokens, rows[i], cols), error < kFloatTolerance, error);
  }
}

/// Weights taken in turn from enough copies that no launch finds its own in L2.
struct BenchLinear {
  explicit BenchLinear(const Shape& s)
      : shape(s),
        bytes(PackedBytes(s.rows, s.cols)),
        copies(static_cast<int>(std::min<int64_t>(16, 200'000'000 / bytes + 1))),
        weight(s.rows, s.cols, 5, false),
        packed(bytes * copies),
        x(s.tokens * s.cols, 11),
        out(s.tokens * s.rows) {
    for (int i = 0; i < copies; ++i)
      Check(PackNvfp4OnDevice(weight.view(), packed.data() + i * bytes, nullptr), "pack");
  }

  template <typename Launch>
  double Ms(const Launch& launch, bool programmatic, LinearOut type = LinearOut::kFloat32) const {
    LinearNvfp4Desc desc{
        {x.data(), shape.tokens, shape.cols, shape.cols}, nullptr, {}, 1, type, programmatic};
    desc.parts[0] = {shape.rows, 1.0f, out.data(), shape.rows};
    return MedianMs(shape.tokens <= 512 ? 32 : 4, [&](int i, cudaStream_t stream) {
      desc.packed = packed.data() + i % copies * bytes;
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

/// One line of every variant's microseconds, then the launcher's choice.
void BenchVariants(const Shape& shape) {
  const BenchLinear bench(shape);
  std::printf("%4ld x %6ld x %5ld us:", static_cast<long>(shape.tokens),
              static_cast<long>(shape.rows), static_cast<long>(shape.cols));
  for (const Variant& variant : kVariants) {
    if (shape.tokens < variant.min_tokens || shape.tokens > variant.max_tokens) continue;
    std::printf(" %s %.1f", variant.name, 1e3 * bench.Ms(variant.launch, false));
  }
  const double floor_ms =
      std::max(static_cast<double>(bench.bytes) / kPeakTbs * 1e-9,
               2e-9 * static_cast<double>(shape.tokens * shape.rows * shape.cols) / kPeakTflops);
  const double ms = bench.Ms(LinearNvfp4Prefill, true);
  std::printf(" chosen %.1f early %.1f floor %.1f %.0f%%\n",
              1e3 * bench.Ms(LinearNvfp4Prefill, false), 1e3 * ms, 1e3 * floor_ms,
              100 * floor_ms / ms);
}

void Bench(const Shape& shape) {
  const BenchLinear bench(shape);
  PrintTime("linear", shape, bench.Ms(LinearNvfp4Prefill, false), static_cast<double>(bench.bytes));
}

void BenchToBf16(const Shape& shape) {
  const BenchLinear bench(shape);
  PrintTime("to BF16", shape, bench.Ms(LinearNvfp4Prefill, false, LinearOut::kBf16),
            static_cast<double>(bench.bytes));
}

void BenchGateUp(const Shape& shape) {
  const FileWeight weight(shape.rows, shape.cols, 5, false);
  DeviceArray<uint8_t> packed(GateUpBytes(shape.rows, shape.cols));
  Check(PackGateUpOnDevice(weight.view(), weight.view(), packed.data(), nullptr), "pack");
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  DeviceArray<uint16_t> out(shape.tokens * shape.rows);
  const GateUpNvfp4Desc desc{{data.data(), shape.tokens, shape.cols, shape.cols},
                             packed.data(),
                             shape.rows,
                             0.01f,
                             0.01f,
                             out.data(),
                             shape.rows};
  const double ms =
      MedianMs(4, [&](int, cudaStream_t stream) { return GateUpNvfp4Prefill(desc, stream); });
  PrintTime("gate/up", {shape.tokens, 2 * shape.rows, shape.cols}, ms,
            static_cast<double>(packed.size()));
}

void BenchBf16(const Shape& shape) {
  const RandomBf16 weight(shape.rows * shape.cols, 13);
  const RandomBf16 data(shape.tokens * shape.cols, 11);
  DeviceArray<float> out(shape.tokens * shape.rows);
  const LinearBf16Desc desc{{data.data(), shape.tokens, shape.cols, shape.cols},
                            weight.data(),
                            {shape.rows, 1.0f, out.data(), shape.rows},
                            LinearOut::kFloat32};
  const double ms =
      MedianMs(4, [&](int, cudaStream_t stream) { return LinearBf16Prefill(desc, stream); });
  PrintTime("BF16 weight", shape, ms, 2.0 * static_cast<double>(weight.size()));
}

void TestAll() {
  TestPacking(37, 144);
  TestPacking(384, 192);
  for (const Shape& shape : std::vector<Shape>{{1, 16, 16},
                                               {17, 384, 192},
                                               {33, 192, 576},
                                               {130, 200, 512},
                                               {63, 100, 80},
                                               {100, 576, 192},
                                               {300, 640, 1024},
                                               {777, 4104, 336},
                                               {64, 3840, 4096, 4096},
                                               {20, 8192, 3840, 4096},
                                               {2048, 3840, 15360, 8192},
                                               {2500, 8192, 3840, 8192}})
    TestLinear(shape);
  for (const Shape& shape : std::vector<Shape>{
           {20, 576, 192}, {64, 100, 192}, {300, 1000, 576}, {1024, 15360, 3840, 8192}})
    TestGateUp(shape);
  for (const Shape& shape :
       std::vector<Shape>{{1, 40, 192}, {40, 1000, 192}, {300, 192, 640}, {1000, 3840, 6912, 8192}})
    TestBf16(shape);
  TestAlone(128, 20, 8192, 3840);
  TestAlone(128, 50, 3840, 4096);
  TestAlone(60, 30, 192, 576);
  TestParts(50, {256, 128, 128}, 192);
  TestParts(300, {256, 120, 136}, 208);
}

void BenchAll() {
  for (const int64_t tokens : {2048, 8192}) {
    Bench({tokens, 8192, 3840});
    Bench({tokens, 3840, 4096});
    Bench({tokens, 30720, 3840});
    Bench({tokens, 3840, 15360});
    BenchGateUp({tokens, 15360, 3840});
  }
  BenchToBf16({2048, 8192, 3840});
  BenchBf16({2048, 8192, 3840});
  BenchBf16({8192, 8192, 8192});
  BenchBf16({64, 262144, 3840});
  for (const int64_t tokens : {32, 64, 128, 256, 512}) {
    BenchVariants({tokens, 8192, 3840});
    BenchVariants({tokens, 3840, 4096});
    BenchVariants({tokens, 30720, 3840});
    BenchVariants({tokens, 3840, 15360});
  }
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
