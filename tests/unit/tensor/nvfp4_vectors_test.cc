// Every byte of the NVFP4 vectors, through tensor/nvfp4.h.
#include "testing/nvfp4_vectors.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "tensor/bf16.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"
#include "tensor/nvfp4.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::HexBits;
using testing::HexBytes;
using testing::HexFloat;
using testing::HexFloats;
using testing::Nvfp4Vectors;

struct Packed {
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
};

std::span<const float, kNvfp4Block> BlockOf(const std::vector<float>& values, size_t block) {
  return std::span<const float, kNvfp4Block>(values.data() + block * kNvfp4Block, kNvfp4Block);
}

void Append(const QuantizedBlock& block, Packed& packed) {
  packed.scales.push_back(block.scale);
  for (size_t i = 0; i < kNvfp4Block; i += 2) {
    packed.codes.push_back(static_cast<uint8_t>(block.codes[i] | block.codes[i + 1] << 4));
  }
}

Packed Quantize(const std::vector<float>& values, float global_scale, ModeloptCompat compat) {
  Packed packed;
  for (size_t block = 0; block < values.size() / kNvfp4Block; ++block) {
    Append(QuantizeWeightBlock(BlockOf(values, block), global_scale, compat), packed);
  }
  return packed;
}

std::string Codes(const std::vector<uint8_t>& packed) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string codes;
  for (const uint8_t byte : packed) {
    codes.push_back(kDigits[byte & 0xF]);
    codes.push_back(kDigits[byte >> 4]);
  }
  return codes;
}

/// Same bits, or both NaN (a NaN's sign and payload mean nothing).
void ExpectSameFloat(float found, float expected, const std::string& where) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(found)) << where;
  } else {
    EXPECT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(expected)) << where;
  }
}

void CheckDequantized(const json& entry, const json& expected, const Packed& packed, float global) {
  const auto rows = entry.at("shape")[0].get<int64_t>();
  const auto cols = entry.at("shape")[1].get<int64_t>();
  const Nvfp4Matrix matrix{rows, cols, packed.codes.data(), packed.scales.data(), global, {}};
  const std::vector<float> floats = HexFloats(expected.at("dequant_f32_hex"));
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; ++r) {
    DequantizeRow(matrix, r, row);
    for (size_t c = 0; c < row.size(); ++c) {
      const size_t i = static_cast<size_t>(r * cols) + c;
      const std::string where = entry.at("name").get<std::string>() + " " + std::to_string(i);
      ExpectSameFloat(row[c], floats[i], where);
      if (expected.at("dequant_bf16_hex").is_array()) {
        EXPECT_EQ(Bf16FromFloat(row[c]), HexBits(expected.at("dequant_bf16_hex")[i])) << where;
      }
    }
  }
}

TEST(Nvfp4VectorsTest, WeightsInAllFourProfiles) {
  const Nvfp4Vectors vectors;
  ASSERT_EQ(vectors.Weights().size(), 8u);
  for (const json& entry : vectors.Weights()) {
    const std::vector<float> values = HexFloats(entry.at("input_f32_hex"));
    for (const auto& [name, profile] : testing::VectorProfiles()) {
      SCOPED_TRACE(entry.at("name").get<std::string>() + " " + name);
      const json& expected = Nvfp4Vectors::Expected(entry, name);
      const float global = GlobalScale(Nvfp4Vectors::Amax(entry), profile.division);
      EXPECT_EQ(std::bit_cast<uint32_t>(global), HexBits(expected.at("weight_scale_2_hex")));
      const Packed packed = Quantize(values, global, profile.compat);
      EXPECT_EQ(packed.scales, HexBytes(expected.at("weight_scale_bytes")));
      EXPECT_EQ(packed.codes, HexBytes(expected.at("weight_packed_bytes")));
      EXPECT_EQ(Codes(packed.codes), expected.at("codes").get<std::string>());
      CheckDequantized(entry, expected, packed, global);
    }
  }
}

TEST(Nvfp4VectorsTest, E4m3Tables) {
  const Nvfp4Vectors vectors;
  const json& entry = vectors["e4m3fn_tables"];
  ASSERT_EQ(entry.at("decode_00_7e").size(), 127u);
  for (size_t bits = 0; bits < 127; ++bits) {
    EXPECT_EQ(FloatFromE4m3(static_cast<uint8_t>(bits)),
              entry.at("decode_00_7e")[bits].get<double>());
  }
  for (const json& row : entry.at("encode")) {
    EXPECT_EQ(E4m3FromFloat(HexFloat(row.at("x_hex"))), HexBits(row.at("byte"))) << row.at("x");
  }
}

TEST(Nvfp4VectorsTest, ActivationsAtRunTime) {
  const Nvfp4Vectors vectors;
  const json& entry = vectors["activation_and_w4a4_gemm"];
  const std::vector<float> values = HexFloats(entry.at("act_f32_hex"));
  const float input_scale = HexFloat(entry.at("input_scale_hex"));
  EXPECT_EQ(std::bit_cast<uint32_t>(1.0f / input_scale), HexBits(entry.at("inv_input_scale_hex")));
  Packed packed;
  for (size_t block = 0; block < values.size() / kNvfp4Block; ++block) {
    Append(QuantizeActivationBlock(BlockOf(values, block), input_scale), packed);
  }
  EXPECT_EQ(packed.scales, HexBytes(entry.at("act_scale_bytes")));
  EXPECT_EQ(packed.codes, HexBytes(entry.at("act_packed_bytes")));
  EXPECT_EQ(Codes(packed.codes), entry.at("act_codes").get<std::string>());
}

/// The repacked bytes hold the codes and scales of random_bf16_4x64: 4 scales, then 4 x 8 bytes
/// with element j of 16 in the low nibble of byte j and element j + 8 in its high nibble.
TEST(Nvfp4VectorsTest, GgufRepackHoldsOurCodesAndScales) {
  const Nvfp4Vectors vectors;
  const json& source = vectors["random_bf16_4x64"];
  const std::vector<float> values = HexFloats(source.at("input_f32_hex"));
  const float global = GlobalScale(Nvfp4Vectors::Amax(source), DivisionProfile::kDiv);
  const json& rows = vectors["gguf_repack_random_bf16_4x64"].at("rows");
  ASSERT_EQ(rows.size(), 4u);
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::vector<uint8_t> bytes = HexBytes(rows[row]);
    ASSERT_EQ(bytes.size(), 36u);
    for (size_t block = 0; block < 4; ++block) {
      const QuantizedBlock ours =
          QuantizeWeightBlock(BlockOf(values, row * 4 + block), global, ModeloptCompat::k045);
      EXPECT_EQ(bytes[block], ours.scale) << row << " " << block;
      for (size_t j = 0; j < 8; ++j) {
        EXPECT_EQ(bytes[4 + block * 8 + j], ours.codes[j] | ours.codes[j + 8] << 4)
            << row << " " << block << " " << j;
      }
    }
  }
}

/// compressed-tensors states the reciprocal, and inverting it gives another last bit than amax /
/// 2688: a reader must invert, and must not expect modelopt's bits.
TEST(Nvfp4VectorsTest, CompressedTensorsScaleIsAReciprocal) {
  const Nvfp4Vectors vectors;
  const json& entry = vectors["compressed_tensors_scales_random_bf16_4x64"];
  const float amax = Nvfp4Vectors::Amax(vectors["random_bf16_4x64"]);
  const float stored = HexFloat(entry.at("weight_global_scale_hex"));
  EXPECT_EQ(kNvfp4Range / amax, stored);
  EXPECT_EQ(std::bit_cast<uint32_t>(1.0f / stored), HexBits(entry.at("reciprocal_hex")));
  EXPECT_EQ(std::bit_cast<uint32_t>(GlobalScale(amax, DivisionProfile::kDiv)),
            HexBits(entry.at("weight_scale_2_hex")));
}

/// Four-over-six chooses a block's scale among two; facet has no such method. What its arithmetic
/// shares with ours, from the scale byte on, is checked: the byte's cast, the codes, the values and
/// their squared error. Not ours, and not checked: the global scale amax / (6 x 256) and the scale
/// before the cast.
TEST(Nvfp4VectorsTest, FourOverSixFromTheScaleByteOn) {
  const Nvfp4Vectors vectors;
  const json& entry = vectors["four_over_six_block"];
  const std::vector<float> values = HexFloats(entry.at("input_f32_hex"));
  double least_error = INFINITY;
  double chosen = 0;
  for (const json& candidate : entry.at("candidates")) {
    const float global = HexFloat(candidate.at("weight_scale_2_hex"));
    const uint8_t scale = E4m3FromFloat(candidate.at("scale_before_cast").get<float>());
    EXPECT_EQ(scale, HexBits(candidate.at("scale_byte")));
    const float denominator = FloatFromE4m3(scale) * global;
    QuantizedBlock block{.scale = scale};
    double error = 0;
    for (size_t i = 0; i < kNvfp4Block; ++i) {
      block.codes[i] = E2m1FromFloat(values[i] / denominator);
      const float value = DequantizeElement(block.codes[i], scale, global);
      EXPECT_EQ(std::bit_cast<uint32_t>(value), HexBits(candidate.at("dequant_f32_hex")[i]));
      error += std::pow(static_cast<double>(values[i]) - static_cast<double>(value), 2);
    }
    Packed packed;
    Append(block, packed);
    EXPECT_EQ(packed.codes, HexBytes(candidate.at("packed")));
    EXPECT_EQ(Codes(packed.codes), candidate.at("codes").get<std::string>());
    EXPECT_NEAR(error, candidate.at("sum_sq_err").get<double>(), 1e-12);
    if (error < least_error) {
      least_error = error;
      chosen = candidate.at("amax_multiplier");
    }
  }
  EXPECT_EQ(chosen, entry.at("chosen_multiplier").get<double>());
}

TEST(Nvfp4VectorsTest, NoEntryIsLeftOut) {
  const std::set<std::string> covered = {"worked_1x80",
                                         "thresholds_ties",
                                         "all_zero_tensor",
                                         "random_bf16_4x64",
                                         "cpu_vs_cuda_division",
                                         "fused_group_q",
                                         "fused_group_k",
                                         "amax_too_small",
                                         "four_over_six_block",
                                         "activation_and_w4a4_gemm",
                                         "e4m3fn_tables",
                                         "gguf_repack_random_bf16_4x64",
                                         "compressed_tensors_scales_random_bf16_4x64"};
  std::set<std::string> found;
  const Nvfp4Vectors vectors;
  for (const json& entry : vectors.all()) found.insert(entry.at("name").get<std::string>());
  EXPECT_EQ(found, covered);
}

}  // namespace
}  // namespace facet
