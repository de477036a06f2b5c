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

#include "linear_decode_variants.cuh"
#include "linear_products.cuh"

namespace facet::cuda {
namespace {

constexpr LinearKernels kDecode{LinearNvfp4Decode, GateUpNvfp4Decode, LinearBf16Decode};

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
    TestLinear(
        kDecode, kDecodeVariants,
        [&](const DecodeVariant& variant) { return shape.tokens <= variant.max_tokens; }, shape, 8);
  for (const Shape& shape : std::vector<Shape>{
           {1, 576, 192}, {16, 100, 192}, {3, 1000, 576}, {1, 15360, 3840}, {16, 15360, 3840}})
    TestGateUp(kDecode, shape);
  for (const Shape& shape : std::vector<Shape>{{1, 40, 192},
                                               {16, 1000, 192},
                                               {3, 100, 40},
                                               {8, 3840, 6912, 4096},
                                               {16, 3840, 15360, 4096},
                                               {1, 262144, 3840, 8192},
                                               {16, 262144, 3840, 8192}})
    TestBf16(kDecode, shape);
  TestParts(kDecode, 5, {256, 128, 128}, 192);
  TestParts(kDecode, 16, {256, 120, 136}, 208);
}

template <typename Launch>
double Us(const BenchLinear& bench, const Launch& launch, bool programmatic, int64_t prefetch) {
  return 1e3 * bench.Ms(launch, 48, {.programmatic = programmatic, .prefetch = prefetch});
}

/// A line of every variant's microseconds, one kernel after another with early starts, then of the
/// launcher's choice: without early starts, with, and with prefetches of the next weight.
void BenchVariants(const Shape& shape) {
  const BenchLinear bench(shape, 24);
  const double floor = static_cast<double>(bench.bytes) / kPeakTbs * 1e-6;
  std::printf("%2ld x %5ld x %5ld floor %.1f:", static_cast<long>(shape.tokens),
              static_cast<long>(shape.rows), static_cast<long>(shape.cols), floor);
  for (const DecodeVariant& variant : kDecodeVariants) {
    if (shape.tokens > variant.max_tokens || (shape.tokens > 8) != (variant.max_tokens > 8)) {
      continue;
    }
    std::printf(" %s %.1f", variant.name, Us(bench, variant.launch, true, 0));
  }
  std::printf("\n    chosen: plain %.1f, early %.1f, prefetching 2 MB %.1f, 4 %.1f, 8 %.1f\n",
              Us(bench, LinearNvfp4Decode, false, 0), Us(bench, LinearNvfp4Decode, true, 0),
              Us(bench, LinearNvfp4Decode, true, 2'000'000),
              Us(bench, LinearNvfp4Decode, true, 4'000'000),
              Us(bench, LinearNvfp4Decode, true, 8'000'000));
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
