// Products of linear layers on a device against plain float64 sums of exactly decoded weights, and
// timings of launches: what the tests of the linear kernels share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "device.h"
#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/pack_device.h"

namespace facet::cuda {

__host__ __device__ inline uint64_t Random(uint64_t seed, uint64_t position) {
  uint64_t x = seed * 0x9E3779B97F4A7C15u + (position + 1) * 0xD1B54A32D192ED03u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

enum class Kind { kCodes, kScales, kAnyScales, kBf16 };

/// Roughly normal BF16 numbers (sum of four uniforms), any codes, scales near 1 or any valid byte.
static __global__ void FillRandom(Kind kind, uint64_t seed, int64_t count, void* out) {
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

inline __device__ float WeightAt(const DeviceNvfp4& weight, int64_t row, int64_t col) {
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

inline __device__ float WeightAt(const uint16_t* weight, int64_t index) {
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

static __global__ void ReferenceKernel(LinearInput x, Expected expected, Sample sample,
                                       double* out) {
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

inline constexpr double kFloatTolerance = 2e-5;  // float32 sums of up to 15360 exact products
inline constexpr double kRoundedTolerance =
    2.5e-3;  // one rounding to BF16: 2^-9 at most, rms 1.7e-3

inline double largest_float_error = 0;  // of products with float32 outputs

inline void Report(const std::string& name, bool good, double error) {
  good ? ++passed : ++failed;
  if (!good && failed <= 12) std::printf("FAILED %s: error %.3g\n", name.c_str(), error);
}

inline double Widen(float value) { return value; }
inline double Widen(uint16_t bits) {
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

inline std::string Name(const char* what, int64_t tokens, int64_t rows, int64_t cols) {
  return std::string(what) + " " + std::to_string(tokens) + " x " + std::to_string(rows) + " x " +
         std::to_string(cols);
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

/// Median milliseconds of a launch. `batch` launches are replayed as a graph, as a model's step is.
inline double MedianMs(int batch, const std::function<cudaError_t(int, cudaStream_t)>& launch) {
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

inline constexpr double kPeakTflops = 798;
inline constexpr double kPeakTbs = 3.08;

inline void PrintTime(const char* name, const Shape& shape, double ms, double weight_bytes) {
  const double flops = 2.0 * static_cast<double>(shape.tokens) * static_cast<double>(shape.rows) *
                       static_cast<double>(shape.cols);
  const double tflops = flops / ms * 1e-9;
  const double tbs = weight_bytes / ms * 1e-9;
  std::printf("%-14s %5ld x %6ld x %5ld %9.4f ms %6.1f TFLOP/s %4.0f%% %5.2f TB/s %4.0f%%\n", name,
              static_cast<long>(shape.tokens), static_cast<long>(shape.rows),
              static_cast<long>(shape.cols), ms, tflops, 100 * tflops / kPeakTflops, tbs,
              100 * tbs / kPeakTbs);
}

}  // namespace facet::cuda
