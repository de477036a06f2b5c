// What every file of the suite shares: which backends are compared with ref, and random inputs.
//
// The cpu backend has several instruction sets; each one that this machine can run is a case of its
// own, so an AVX-512 machine tests both.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "base/random.h"
#include "kernels/backend_factory.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"
#include "testing/compare.h"
#include "testing/on_host_backend.h"
#include "testing/result_matchers.h"
#include "tolerances.h"

namespace facet::testing {

struct BackendCase {
  std::string backend;
  int64_t target = 0;  ///< Highway's bit; 0: not a choice of this backend
  int threads = 1;

  std::string Name() const {
    if (target == 0) return backend;
    return backend + "_" + hwy::TargetName(target) + "_" + std::to_string(threads) + "threads";
  }
};

inline std::ostream& operator<<(std::ostream& out, const BackendCase& test) {
  return out << test.Name();
}

/// The backends composed of host operations, on every instruction set of this machine.
inline std::vector<BackendCase> HostCases() {
  std::vector<BackendCase> cases;
  const int64_t supported = hwy::SupportedTargets();
  for (const int64_t target : {HWY_AVX2, HWY_AVX3, HWY_AVX3_DL}) {
    if ((supported & target) == 0) continue;
    cases.push_back({"cpu", target, 1});
    cases.push_back({"cpu", target, 3});
  }
  return cases;
}

/// Every backend that must agree with ref.
inline std::vector<BackendCase> BackendCases() {
  std::vector<BackendCase> cases = HostCases();
  if (MakeBackend("cuda")) cases.push_back({"cuda"});
  return cases;
}

/// Token counts around the kernels' tile sizes.
inline constexpr int64_t kTokenCounts[] = {1, 2, 3, 7, 64, 129};

/// An owning float32 matrix.
struct Values {
  Values(int64_t row_count, int64_t col_count)
      : rows(row_count), cols(col_count), data(static_cast<size_t>(row_count * col_count)) {}

  Matrix matrix() { return {data.data(), rows, cols}; }
  ConstMatrix view() const { return {data.data(), rows, cols}; }

  int64_t rows;
  int64_t cols;
  std::vector<float> data;
};

/// Uniform in [-scale, scale), the same for a seed everywhere.
inline Values RandomValues(int64_t rows, int64_t cols, uint64_t seed, double scale = 1) {
  Values values(rows, cols);
  for (size_t i = 0; i < values.data.size(); ++i) {
    values.data[i] = static_cast<float>(scale * (2 * RandomUnit(seed, i) - 1));
  }
  return values;
}

inline void RoundToBf16(Values& values) {
  for (float& value : values.data) value = facet::RoundToBf16(value);
}

/// An owning BF16 matrix, values as RandomValues rounds them.
struct Bf16Values {
  Bf16Values(int64_t row_count, int64_t col_count, uint64_t seed, double scale = 1)
      : rows(row_count), cols(col_count) {
    for (const float value : RandomValues(rows, cols, seed, scale).data) {
      data.push_back(Bf16FromFloat(value));
    }
  }
  Bf16Matrix matrix() const { return {rows, cols, data.data()}; }

  int64_t rows;
  int64_t cols;
  std::vector<uint16_t> data;
};

/// An owning NVFP4 matrix: random codes and random scale bytes from zero and the subnormal ones to
/// the largest.
struct Nvfp4Values {
  Nvfp4Values(int64_t row_count, int64_t col_count, uint64_t seed, float global)
      : rows(row_count), cols(col_count), global_scale(global) {
    for (int64_t i = 0; i < rows * cols / 2; ++i) {
      codes.push_back(static_cast<uint8_t>(RandomBits(seed, static_cast<uint64_t>(i))));
    }
    for (int64_t i = 0; i < rows * cols / kNvfp4Block; ++i) {
      scales.push_back(static_cast<uint8_t>(RandomBits(seed + 1, static_cast<uint64_t>(i)) % 0x7F));
    }
  }
  Nvfp4Matrix matrix() const {
    return {.rows = rows,
            .cols = cols,
            .codes = codes.data(),
            .block_scales = scales.data(),
            .global_scale = global_scale,
            .input_scale = std::nullopt};
  }

  int64_t rows;
  int64_t cols;
  float global_scale;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
};

class BackendSuite : public ::testing::TestWithParam<BackendCase> {
 protected:
  BackendSuite() { ChooseTarget(GetParam().target); }
  ~BackendSuite() override { ChooseTarget(0); }

  static void ChooseTarget(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }

  RefBackend ref_;
  static std::unique_ptr<HostBackend> MakeOnHost(const BackendCase& test) {
    if (test.backend == "cpu") return std::make_unique<CpuBackend>(test.threads);
    return std::make_unique<OnHostBackend>(Value(MakeBackend(test.backend)));
  }

  bool OnCuda() const { return GetParam().backend == "cuda"; }
  const Tolerances& tolerances() const { return OnCuda() ? kCudaTolerances : kCpuTolerances; }
  /// Values that the backend takes as they are where it rounds to BF16.
  Values Inputs(Values x) const {
    if (OnCuda()) RoundToBf16(x);
    return x;
  }

  std::unique_ptr<HostBackend> backend_ = MakeOnHost(GetParam());
};

/// A suite for every backend.
#define FACET_BACKEND_SUITE(name)                        \
  class name : public ::facet::testing::BackendSuite {}; \
  FACET_INSTANTIATE_BACKENDS(name)

/// A suite for the operations that hosts compose steps of.
#define FACET_HOST_SUITE(name)                           \
  class name : public ::facet::testing::BackendSuite {}; \
  FACET_INSTANTIATE(name, HostCases)

#define FACET_INSTANTIATE_BACKENDS(name) FACET_INSTANTIATE(name, BackendCases)

#define FACET_INSTANTIATE(name, cases)                                                     \
  INSTANTIATE_TEST_SUITE_P(Backends, name, ::testing::ValuesIn(::facet::testing::cases()), \
                           [](const auto& test) { return test.param.Name(); })

}  // namespace facet::testing
