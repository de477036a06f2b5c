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
#include "linear_products.cuh"
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

constexpr LinearKernels kPrefill{LinearNvfp4Prefill, GateUpNvfp4Prefill, LinearBf16Prefill};

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

constexpr int64_t kMostCopies = 16;

template <typename Launch>
double Ms(const BenchLinear& bench, const Launch& launch, bool programmatic,
          LinearOut type = LinearOut::kFloat32) {
  return bench.Ms(launch, bench.shape.tokens <= 512 ? 32 : 4,
                  {.programmatic = programmatic, .type = type});
}

/// One line of every variant's microseconds, then the launcher's choice.
void BenchVariants(const Shape& shape) {
  const BenchLinear bench(shape, kMostCopies);
  std::printf("%4ld x %6ld x %5ld us:", static_cast<long>(shape.tokens),
              static_cast<long>(shape.rows), static_cast<long>(shape.cols));
  for (const Variant& variant : kVariants) {
    if (shape.tokens < variant.min_tokens || shape.tokens > variant.max_tokens) continue;
    std::printf(" %s %.1f", variant.name, 1e3 * Ms(bench, variant.launch, false));
  }
  const double floor_ms =
      std::max(static_cast<double>(bench.bytes) / kPeakTbs * 1e-9,
               2e-9 * static_cast<double>(shape.tokens * shape.rows * shape.cols) / kPeakTflops);
  const double ms = Ms(bench, LinearNvfp4Prefill, true);
  std::printf(" chosen %.1f early %.1f floor %.1f %.0f%%\n",
              1e3 * Ms(bench, LinearNvfp4Prefill, false), 1e3 * ms, 1e3 * floor_ms,
              100 * floor_ms / ms);
}

void Bench(const Shape& shape) {
  const BenchLinear bench(shape, kMostCopies);
  PrintTime("linear", shape, Ms(bench, LinearNvfp4Prefill, false),
            static_cast<double>(bench.bytes));
}

void BenchToBf16(const Shape& shape) {
  const BenchLinear bench(shape, kMostCopies);
  PrintTime("to BF16", shape, Ms(bench, LinearNvfp4Prefill, false, LinearOut::kBf16),
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
    TestLinear(kPrefill, kVariants, [](const Variant&) { return true; }, shape, 0);
  for (const Shape& shape : std::vector<Shape>{
           {20, 576, 192}, {64, 100, 192}, {300, 1000, 576}, {1024, 15360, 3840, 8192}})
    TestGateUp(kPrefill, shape);
  for (const Shape& shape :
       std::vector<Shape>{{1, 40, 192}, {40, 1000, 192}, {300, 192, 640}, {1000, 3840, 6912, 8192}})
    TestBf16(kPrefill, shape);
  TestAlone(128, 20, 8192, 3840);
  TestAlone(128, 50, 3840, 4096);
  TestAlone(60, 30, 192, 576);
  TestParts(kPrefill, 50, {256, 128, 128}, 192);
  TestParts(kPrefill, 300, {256, 120, 136}, 208);
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
