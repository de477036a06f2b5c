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

#include "device.h"
#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/pack_device.h"
#include "linear_variants.cuh"

namespace facet::cuda {
namespace {

__host__ __device__ uint64_t Random(uint64_t seed, uint64_t position) {
  uint64_t x = seed * 0x9E3779B97F4A7C15u + (position + 1) * 0xD1B54A32D192ED03u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

enum class Kind { kCodes, kScales, kAnyScales, kBf16 };

/// Roughly normal BF16 numbers (sum of four uniforms), any codes, scales near 1 or any valid byte.
__global__ void FillRandom(Kind kind, uint64_t seed, int64_t count, void* out) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * blockDim.x) {
    const uint64_t bits = Random(seed, static_cast<uint64_t>(i));
    if (kind == Kind::kBf16) {
      float sum = 0;
      for (int part = 0; part < 4; ++part) sum += static_cast<float>(bits >> (16 * part) & 0xFFFF);
      static_cast<__nv_bfloat16*>(out)[i] = __float2bfloat16_rn((sum - 131070.0f) / 37837.0f);
    } else if (kind == Kind::kCodes) {
      static_cast<uint8_t*>(out)[i] = static_cast<uint8_t>(bits);
    } else if (kind == Kind::kScales) {
      static_cast<uint8_t*>(out)[i] = static_cast<uint8_t>(0x30 + bits % 16);
    } else {
      const auto byte = static_cast<uint8_t>(bits);
      static_cast<uint8_t*>(out)[i] = (byte & 0x7F) == 0x7F ? 0 : byte;
    }
  }
}

template <typename T>
void Randomize(Kind kind, uint64_t seed, const DeviceArray<T>& array) {
  FillRandom<<<1024, 256>>>(kind, seed, array.size(), array.data());
  Check(cudaGetLastError(), "FillRandom");
}

/// A weight as files hold it, on the device.
struct FileWeight {
  FileWeight(int64_t r, int64_t c, uint64_t seed, bool any_scales)
      : rows(r), cols(c), codes(r * c / 2), scales(r * c / 16) {
    Randomize(Kind::kCodes, seed, codes);
    Randomize(any_scales ? Kind::kAnyScales : Kind::kScales, seed + 1, scales);
  }
  DeviceNvfp4 view() const { return {codes.data(), scales.data(), rows, cols}; }

  int64_t rows;
  int64_t cols;
  DeviceArray<uint8_t> codes;
  DeviceArray<uint8_t> scales;
};

__device__ float WeightAt(const DeviceNvfp4& weight, int64_t row, int64_t col) {
  const float values[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
  const int byte = weight.codes[row * (weight.cols / 2) + col / 2];
  const int code = col % 2 == 0 ? byte & 15 : byte >> 4;
  const int scale = weight.block_scales[row * (weight.cols / 16) + col / 16];
  const int exponent = scale >> 3 & 15;
  const int mantissa = scale & 7;
  const float magnitude = exponent == 0 ? ldexpf(static_cast<float>(mantissa), -9)
                                        : ldexpf(static_cast<float>(8 + mantissa), exponent - 10);
  const float value = values[code & 7] * magnitude;
  return ((code >> 3) ^ (scale >> 7)) != 0 ? -value : value;
}

__device__ float WeightAt(const uint16_t* weight, int64_t index) {
  return __uint_as_float(uint32_t{weight[index]} << 16);
}

/// A float64 sum by one warp.
template <typename At>
__device__ double Dot(const LinearInput& x, int64_t token, const At& weight) {
  double sum = 0;
  for (int64_t k = threadIdx.x % 32; k < x.cols; k += 32)
    sum += static_cast<double>(WeightAt(x.data, token * x.stride + k)) * weight(k);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, step);
  return sum;
}

/// Which outputs are compared: all of them, or `count` picked by chance.
struct Sample {
  int64_t tokens = 0;
  int64_t rows = 0;
  int64_t count = 0;

  __host__ __device__ int64_t size() const { return count > 0 ? count : tokens * rows; }
  __host__ __device__ int64_t At(int64_t i) const {
    return count > 0 ? static_cast<int64_t>(Random(77, static_cast<uint64_t>(i)) %
                                            static_cast<uint64_t>(tokens * rows))
                     : i;
  }
};

struct Expected {
  DeviceNvfp4 weight;  // or
  const uint16_t* bf16 = nullptr;
  DeviceNvfp4 up;  // of a gate/up product
  double alpha = 1;
  double up_alpha = 1;
};

__global__ void ReferenceKernel(LinearInput x, Expected expected, Sample sample, double* out) {
  const int64_t warps = int64_t{gridDim.x} * blockDim.x / 32;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / 32; i < sample.size();
       i += warps) {
    const int64_t token = sample.At(i) / sample.rows;
    const int64_t row = sample.At(i) % sample.rows;
    double value = 0;
    if (expected.bf16 != nullptr) {
      value = expected.alpha *
              Dot(x, token, [&](int64_t k) { return WeightAt(expected.bf16, row * x.cols + k); });
    } else {
      value = expected.alpha *
              Dot(x, token, [&](int64_t k) { return WeightAt(expected.weight, row, k); });
    }
    if (expected.up.codes != nullptr) {
      const double up = expected.up_alpha *
                        Dot(x, token, [&](int64_t k) { return WeightAt(expected.up, row, k); });
      const double u = 0.7978845608028654 * (value + 0.044715 * value * value * value);
      value = value / 2 * (1 + tanh(u)) * up;
    }
    if (threadIdx.x % 32 == 0) out[i] = value;
  }
}

constexpr double kFloatTolerance = 2e-5;      // float32 sums of up to 15360 exact products
constexpr double kRoundedTolerance = 2.5e-3;  // one rounding to BF16: 2^-9 at most, rms 1.7e-3

double largest_float_error = 0;  // of products with float32 outputs

void Report(const std::string& name, bool good, double error) {
  good ? ++passed : ++failed;
  if (!good && failed <= 12) std::printf("FAILED %s: error %.3g\n", name.c_str(), error);
}

double Widen(float value) { return value; }
double Widen(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value = 0;
  std::memcpy(&value, &wide, 4);
  return value;
}

/// |out - expected| / |expected| over the sample; infinite if anything is not finite.
template <typename T>
double ErrorOf(const LinearInput& x, const Expected& expected, Sample sample,
               const std::vector<T>& out, int64_t stride) {
  DeviceArray<double> reference(sample.size());
  ReferenceKernel<<<4096, 256>>>(x, expected, sample, reference.data());
  Check(cudaGetLastError(), "ReferenceKernel");
  const std::vector<double> wanted = reference.ToHost();
  double errors = 0;
  double squares = 0;
  for (int64_t i = 0; i < sample.size(); ++i) {
    const int64_t at = sample.At(i) / sample.rows * stride + sample.At(i) % sample.rows;
    const double value = Widen(out[static_cast<size_t>(at)]);
    const double want = wanted[static_cast<size_t>(i)];
    if (!std::isfinite(value)) return INFINITY;
    errors += (value - want) * (value - want);
    squares += want * want;
  }
  return std::sqrt(errors / squares);
}

/// Runs a product twice into poisoned outputs [tokens, stride]; checks its error, that it gives the
/// same bits again, and that it leaves the columns between rows and stride alone.
template <typename T>
void CheckProduct(const std::string& name, const LinearInput& x, const Expected& expected,
                  Sample sample, int64_t stride, double tolerance,
                  const std::function<cudaError_t(T*)>& product) {
  DeviceArray<T> out(sample.tokens * stride);
  out.Fill(0xFF);
  Check(product(out.data()), name.c_str());
  Check(cudaDeviceSynchronize(), name.c_str());
  const std::vector<T> first = out.ToHost();
  out.Fill(0xFF);
  Check(product(out.data()), name.c_str());
  const std::vector<T> second = out.ToHost();
  const double error = ErrorOf(x, expected, sample, first, stride);
  if (tolerance == kFloatTolerance) largest_float_error = std::max(largest_float_error, error);
  Report(name, error < tolerance, error);
  Report(name + " repeated",
         std::memcmp(first.data(), second.data(), first.size() * sizeof(T)) == 0, 0);
  std::vector<uint8_t> poison((static_cast<size_t>(stride - sample.rows)) * sizeof(T), 0xFF);
  bool kept = true;
  for (int64_t token = 0; token < sample.tokens && !poison.empty(); ++token) {
    kept &=
        std::memcmp(first.data() + token * stride + sample.rows, poison.data(), poison.size()) == 0;
  }
  Report(name + " stays in its columns", kept, 0);
}

std::string Name(const char* what, int64_t tokens, int64_t rows, int64_t cols) {
  return std::string(what) + " " + std::to_string(tokens) + " x " + std::to_string(rows) + " x " +
         std::to_string(cols);
}

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

struct Shape {
  int64_t tokens;
  int64_t rows;
  int64_t cols;
  int64_t sampled = 0;
};

/// Random BF16 numbers on the device.
struct RandomBf16 : DeviceArray<uint16_t> {
  RandomBf16(int64_t size, uint64_t seed) : DeviceArray(size) {
    Randomize(Kind::kBf16, seed, *this);
  }
};

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

/// Median milliseconds of a launch. `batch` launches are replayed as a graph, as a model's step is.
double MedianMs(int batch, const std::function<cudaError_t(int, cudaStream_t)>& launch) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  cudaEvent_t start;
  cudaEvent_t stop;
  Check(cudaStreamCreate(&stream), "stream");
  Check(cudaEventCreate(&start), "event");
  Check(cudaEventCreate(&stop), "event");
  Check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capture");
  for (int i = 0; i < batch; ++i) Check(launch(i, stream), "launch");
  Check(cudaStreamEndCapture(stream, &graph), "capture");
  Check(cudaGraphInstantiate(&replay, graph, 0), "graph");
  std::vector<float> times;
  for (int repeat = -2; repeat < 7; ++repeat) {
    Check(cudaEventRecord(start, stream), "record");
    Check(cudaGraphLaunch(replay, stream), "replay");
    Check(cudaEventRecord(stop, stream), "record");
    Check(cudaEventSynchronize(stop), "synchronize");
    float ms = 0;
    Check(cudaEventElapsedTime(&ms, start, stop), "elapsed");
    if (repeat >= 0) times.push_back(ms / static_cast<float>(batch));
  }
  std::sort(times.begin(), times.end());
  Check(cudaGraphExecDestroy(replay), "graph");
  Check(cudaGraphDestroy(graph), "graph");
  Check(cudaEventDestroy(start), "event");
  Check(cudaEventDestroy(stop), "event");
  Check(cudaStreamDestroy(stream), "stream");
  return times[times.size() / 2];
}

constexpr double kPeakTflops = 798;
constexpr double kPeakTbs = 3.08;

void PrintTime(const char* name, const Shape& shape, double ms, double weight_bytes) {
  const double flops = 2.0 * static_cast<double>(shape.tokens) * static_cast<double>(shape.rows) *
                       static_cast<double>(shape.cols);
  const double tflops = flops / ms * 1e-9;
  const double tbs = weight_bytes / ms * 1e-9;
  std::printf("%-14s %5ld x %6ld x %5ld %9.4f ms %6.1f TFLOP/s %4.0f%% %5.2f TB/s %4.0f%%\n", name,
              static_cast<long>(shape.tokens), static_cast<long>(shape.rows),
              static_cast<long>(shape.cols), ms, tflops, 100 * tflops / kPeakTflops, tbs,
              100 * tbs / kPeakTbs);
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
