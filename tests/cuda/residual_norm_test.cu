// ResidualNorm on a device against a plain float64 computation on the host. Stands alone: no
// arguments, closes with "N passed, N failed". With "bench" it also times decode and prefill.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "device.h"
#include "kernels/cuda/residual_norm.h"
#include "linear_checks.cuh"

namespace facet::cuda {
namespace {

struct Case {
  const char* name;
  int64_t rows;
  int64_t cols;
  bool has_x = true;
  bool has_next = true;
  bool has_weights = true;
  float magnitude = 1;
};

uint16_t ToBf16(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// row = normed row times the weight.
void Normalize(const std::vector<double>& row, const std::vector<uint16_t>& weight, double eps,
               std::vector<double>* out) {
  double sum = 0;
  for (const double value : row) sum += value * value;
  const double inverse = 1 / std::sqrt(sum / static_cast<double>(row.size()) + eps);
  for (size_t i = 0; i < row.size(); ++i) {
    (*out)[i] = row[i] * inverse * (weight.empty() ? 1.0 : Widen(weight[i]));
  }
}

struct Inputs {
  explicit Inputs(const Case& c) {
    std::mt19937 random(static_cast<unsigned>(c.rows * 31 + c.cols));
    std::normal_distribution<float> normal(0, 1);
    const auto size = static_cast<size_t>(c.rows * c.cols);
    for (size_t i = 0; i < size; ++i) {
      x.push_back(c.magnitude * normal(random));
      hidden.push_back(c.magnitude * 3 * normal(random));
    }
    if (!c.has_weights) return;
    for (int64_t i = 0; i < c.cols; ++i) {
      x_norm.push_back(ToBf16(1 + 0.5f * normal(random)));
      next_norm.push_back(ToBf16(1 + 0.5f * normal(random)));
    }
  }

  std::vector<float> x;
  std::vector<float> hidden;
  std::vector<uint16_t> x_norm;
  std::vector<uint16_t> next_norm;
};

/// |out - wanted| / |wanted|, infinite if not finite; scaled so that large numbers do not overflow.
template <typename T>
double RelativeError(const std::vector<T>& out, const std::vector<double>& wanted) {
  double errors = 0;
  double squares = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double value = Widen(out[i]);
    if (!std::isfinite(value)) return INFINITY;
    errors += (value - wanted[i]) * (value - wanted[i]);
    squares += wanted[i] * wanted[i];
  }
  return std::sqrt(errors / squares);
}

constexpr double kEps = 1e-6;
constexpr float kScale = 0.37f;
constexpr double kNormTolerance = 1e-6;  // float32, a sum of squares of thousands of terms

void TestCase(const Case& c) {
  const Inputs inputs(c);
  const auto cols = static_cast<size_t>(c.cols);
  std::vector<double> hidden_wanted;
  std::vector<double> next_wanted;
  for (size_t r = 0; r < static_cast<size_t>(c.rows); ++r) {
    std::vector<double> row(inputs.hidden.begin() + static_cast<int64_t>(r * cols),
                            inputs.hidden.begin() + static_cast<int64_t>((r + 1) * cols));
    std::vector<double> normed(cols);
    if (c.has_x) {
      const std::vector<double> x(inputs.x.begin() + static_cast<int64_t>(r * cols),
                                  inputs.x.begin() + static_cast<int64_t>((r + 1) * cols));
      Normalize(x, inputs.x_norm, kEps, &normed);
      for (size_t i = 0; i < cols; ++i) row[i] = (row[i] + normed[i]) * kScale;
    }
    hidden_wanted.insert(hidden_wanted.end(), row.begin(), row.end());
    Normalize(row, inputs.next_norm, kEps, &normed);
    next_wanted.insert(next_wanted.end(), normed.begin(), normed.end());
  }

  DeviceArray<float> x(c.rows * c.cols);
  DeviceArray<float> hidden(c.rows * c.cols);
  DeviceArray<uint16_t> x_norm(c.cols);
  DeviceArray<uint16_t> next_norm(c.cols);
  DeviceArray<uint16_t> next(c.rows * c.cols);
  x.Set(inputs.x);
  hidden.Set(inputs.hidden);
  x_norm.Set(inputs.x_norm);
  next_norm.Set(inputs.next_norm);
  const ResidualNormDesc desc{c.rows,
                              c.cols,
                              c.has_x ? x.data() : nullptr,
                              c.has_weights ? x_norm.data() : nullptr,
                              kScale,
                              hidden.data(),
                              c.has_weights ? next_norm.data() : nullptr,
                              c.has_next ? next.data() : nullptr,
                              kEps};
  CHECK_CUDA(ResidualNorm(desc, nullptr));
  CHECK_CUDA(cudaDeviceSynchronize());
  const double error = RelativeError(hidden.ToHost(), hidden_wanted);
  Report(std::string(c.name) + " hidden", error < kNormTolerance, error);
  if (!c.has_next) return;
  const double next_error = RelativeError(next.ToHost(), next_wanted);
  Report(std::string(c.name) + " next", next_error < kRoundedTolerance, next_error);
}

void TestAll() {
  for (const Case& c : std::vector<Case>{{"one row", 1, 3840},
                                         {"few rows", 17, 3840},
                                         {"many rows", 200, 3840},
                                         {"tiny", 1, 192},
                                         {"tiny, many rows", 300, 192},
                                         {"eight columns", 3, 8},
                                         {"odd width", 5, 1000},
                                         {"odd width, many rows", 100, 1000},
                                         {"wide", 3, 16384},
                                         {"without x", 4, 3840, false},
                                         {"without next", 4, 3840, true, false},
                                         {"without weights", 70, 3840, true, true, false},
                                         {"squares overflow", 2, 3840, true, true, true, 1e25f},
                                         {"squares vanish", 2, 3840, true, true, true, 1e-25f}})
    TestCase(c);
}

void Bench(int64_t rows, int64_t cols) {
  DeviceArray<float> x(rows * cols);
  DeviceArray<float> hidden(rows * cols);
  DeviceArray<uint16_t> weight(cols);
  DeviceArray<uint16_t> next(rows * cols);
  x.Fill(0x3F);
  hidden.Fill(0x3F);
  weight.Fill(0x3F);
  const ResidualNormDesc desc{rows,          cols,          x.data(),    weight.data(), 0.5f,
                              hidden.data(), weight.data(), next.data(), kEps,          true};
  const double ms =
      MedianMs(rows > 1000 ? 4 : 100, [&](int, cudaStream_t s) { return ResidualNorm(desc, s); });
  std::printf("residual norm %5ld rows: %.2f us, %.2f TB/s\n", static_cast<long>(rows), 1e3 * ms,
              14e-9 * static_cast<double>(rows * cols) / ms);
}

}  // namespace
}  // namespace facet::cuda

int main(int argc, char** argv) {
  facet::cuda::TestAll();
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) {
    for (const int64_t rows : {1, 4, 16, 64, 512, 2048, 16384}) facet::cuda::Bench(rows, 3840);
  }
  return facet::cuda::CloseTests();
}
