// The NVFP4 vectors through every backend's own operations.
#include "testing/nvfp4_vectors.h"

#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"
#include "tensor/bf16.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::HexBits;
using testing::HexBytes;
using testing::HexFloat;
using testing::HexFloats;
using testing::Nvfp4Vectors;

class Nvfp4VectorsBackendTest : public ::testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<HostBackend> Make(std::string_view name) {
    if (name == "ref") return std::make_unique<RefBackend>();
    return std::make_unique<CpuBackend>(1);
  }

  std::unique_ptr<HostBackend> backend_ = Make(GetParam());
  Nvfp4Vectors vectors_;
};

INSTANTIATE_TEST_SUITE_P(Backends, Nvfp4VectorsBackendTest, ::testing::Values("ref", "cpu"),
                         [](const auto& test) { return std::string(test.param); });

/// A weight entry's input as BF16; nothing if a value is not exactly BF16 (the rounding thresholds
/// with their float neighbours, and 1.04: no BF16 weight can hold them).
std::vector<uint16_t> AsBf16(const json& entry) {
  std::vector<uint16_t> values;
  for (const float value : HexFloats(entry.at("input_f32_hex"))) {
    if (std::bit_cast<uint32_t>(RoundToBf16(value)) != std::bit_cast<uint32_t>(value)) return {};
    values.push_back(Bf16FromFloat(value));
  }
  return values;
}

struct Packed {
  Packed(int64_t rows, int64_t cols)
      : codes(static_cast<size_t>(rows * cols / 2)),
        scales(static_cast<size_t>(rows * cols / kNvfp4Block)) {}
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
};

Packed Quantize(Backend& backend, const json& entry, float global, ModeloptCompat compat) {
  const std::vector<uint16_t> values = AsBf16(entry);
  const Bf16Matrix matrix{entry.at("shape")[0], entry.at("shape")[1], values.data()};
  Packed packed(matrix.rows, matrix.cols);
  backend.QuantizeWeight(matrix, global, compat, packed.codes.data(), packed.scales.data());
  return packed;
}

TEST_P(Nvfp4VectorsBackendTest, Weights) {
  int checked = 0;
  for (const json& entry : vectors_.Weights()) {
    if (AsBf16(entry).empty()) continue;
    for (const auto& [name, profile] : testing::VectorProfiles()) {
      SCOPED_TRACE(entry.at("name").get<std::string>() + " " + name);
      const json& expected = Nvfp4Vectors::Expected(entry, name);
      const float global = HexFloat(expected.at("weight_scale_2_hex"));
      const Packed packed = Quantize(*backend_, entry, global, profile.compat);
      EXPECT_EQ(packed.scales, HexBytes(expected.at("weight_scale_bytes")));
      EXPECT_EQ(packed.codes, HexBytes(expected.at("weight_packed_bytes")));
      ++checked;
    }
  }
  EXPECT_EQ(checked, 6 * 4);  // all but thresholds_ties and amax_too_small
}

TEST_P(Nvfp4VectorsBackendTest, ActivationsAndProduct) {
  const json& entry = vectors_["activation_and_w4a4_gemm"];
  const json& weight_entry = vectors_["random_bf16_4x64"];
  const std::string profile = "modelopt_0.45plus/div";
  const float global =
      HexFloat(Nvfp4Vectors::Expected(weight_entry, profile).at("weight_scale_2_hex"));
  const Packed weight = Quantize(*backend_, weight_entry, global, ModeloptCompat::k045);
  const Nvfp4Matrix w{4, 64, weight.codes.data(), weight.scales.data(), global, {}};

  const std::vector<float> input = HexFloats(entry.at("act_f32_hex"));
  const float input_scale = HexFloat(entry.at("input_scale_hex"));
  Packed activations(2, 64);
  backend_->QuantizeActivations(ConstMatrix(input.data(), 2, 64), input_scale,
                                activations.codes.data(), activations.scales.data());
  EXPECT_EQ(activations.scales, HexBytes(entry.at("act_scale_bytes")));
  EXPECT_EQ(activations.codes, HexBytes(entry.at("act_packed_bytes")));

  const Nvfp4Matrix x{2, 64, activations.codes.data(), activations.scales.data(), input_scale, {}};
  const auto alpha = HexFloat(entry.at("alpha_hex"));
  EXPECT_EQ(input_scale * global, alpha);
  std::vector<float> out(8);
  backend_->LinearW4A4(w, x, Matrix{out.data(), 2, 4});
  const std::vector<float> sequential = HexFloats(entry.at("y_f32_sequential_hex"));
  for (size_t i = 0; i < out.size(); ++i) {
    const double exact = entry.at("y_exact_float64")[i / 4][i % 4];
    const auto total = entry.at("exact_int64_T")[i / 4][i % 4].get<int64_t>();
    EXPECT_EQ(exact, static_cast<double>(alpha) * static_cast<double>(total) * 0x1.0p-20);
    if (std::string_view(GetParam()) == "ref") {
      EXPECT_EQ(out[i], static_cast<float>(exact)) << i;  // one rounding, of the exact integer
    }
    // A sum of four block terms in any order: 4 x 2^-24 of the sum of magnitudes, which cancels to
    // no less than a tenth here; and the rounding of alpha's product.
    EXPECT_NEAR(out[i], exact, std::fabs(exact) * 0x1.0p-20) << i;
    EXPECT_NEAR(out[i], sequential[i], std::fabs(exact) * 0x1.0p-20) << i;
    EXPECT_EQ(Bf16FromFloat(out[i]), HexBits(entry.at("y_bf16_hex")[i])) << i;
  }
}

}  // namespace
}  // namespace facet
