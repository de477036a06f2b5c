// facet dequantize, as a user runs it.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/tensor_specs.h"
#include "tensor/bf16.h"
#include "tensor/e2m1.h"
#include "tensor/e4m3.h"
#include "testing/exported.h"

namespace facet {
namespace {

using testing::CasePath;
using ::testing::HasSubstr;
using testing::JsonFile;
using testing::ProcessResult;
using testing::RawTensor;
using testing::RawTensors;
using testing::RunFacet;

const std::string kUp = "model.language_model.layers.0.mlp.up_proj";

class DequantizeTest : public ::testing::Test {
 protected:
  std::filesystem::path Make(const std::string& name, const std::filesystem::path& source,
                             const std::vector<std::string>& more = {}) {
    const auto target = temporary_.path() / name;
    std::vector<std::string> command = {"dequantize", source.string(), target.string()};
    command.insert(command.end(), more.begin(), more.end());
    last_ = RunFacet(command);
    EXPECT_EQ(last_.exit_code, 0) << last_.err;
    return target;
  }

  testing::TemporaryFolder temporary_;
  ProcessResult last_;
};

uint16_t Bf16At(const RawTensor& tensor, size_t element) {
  uint16_t bits = 0;
  std::memcpy(&bits, tensor.bytes.data() + 2 * element, sizeof(bits));
  return bits;
}

TEST_F(DequantizeTest, EveryWeightIsItsValueRoundedOnce) {
  const auto packed = RawTensors(CasePath("tiny_modelopt"));
  const auto plain = RawTensors(Make("d", CasePath("tiny_modelopt")));
  int64_t checked = 0;
  for (const auto& [name, codes] : packed) {
    if (codes.dtype != "U8") continue;
    const std::string module = name.substr(0, name.size() - std::string(".weight").size());
    const RawTensor& out = plain.at(name);
    const float global = testing::FloatOf(packed.at(module + ".weight_scale_2"));
    ASSERT_EQ(out.dtype, "BF16");
    ASSERT_EQ(out.shape, (std::vector<int64_t>{codes.shape[0], 2 * codes.shape[1]}));
    for (size_t i = 0; i < out.bytes.size() / 2; ++i) {
      const auto byte = static_cast<uint8_t>(codes.bytes[i / 2]);
      const auto scale = static_cast<uint8_t>(packed.at(module + ".weight_scale").bytes[i / 16]);
      const float value =
          kE2m1Values[i % 2 == 0 ? byte & 0xF : byte >> 4] * (FloatFromE4m3(scale) * global);
      ASSERT_EQ(Bf16At(out, i), Bf16FromFloat(value)) << name << " " << i;
    }
    ++checked;
  }
  EXPECT_EQ(checked, 41);
}

TEST_F(DequantizeTest, NothingMentionsAQuantizationAnyMore) {
  for (const char* name : {"tiny_modelopt", "tiny_ct"}) {
    const auto target = Make(name, CasePath(name));
    EXPECT_FALSE(std::filesystem::exists(target / "hf_quant_config.json"));
    EXPECT_EQ(testing::ReadBytes(target / "config.json").find("quant"), std::string::npos);
    auto before = JsonFile(CasePath(name) / "config.json");
    before.erase("quantization_config");
    EXPECT_EQ(JsonFile(target / "config.json").dump(), before.dump());
    for (const auto& [tensor, raw] : RawTensors(target)) {
      EXPECT_EQ(raw.dtype, "BF16") << tensor;
      EXPECT_EQ(tensor.find("_scale"), std::string::npos) << tensor;
    }
  }
}

/// The names, shapes and kept bytes are those of the BF16 model that the fixture was made from.
TEST_F(DequantizeTest, GivesTheTensorsOfThePlainModel) {
  const auto plain = RawTensors(Make("d", CasePath("tiny_modelopt")));
  const auto original = RawTensors(CasePath("tiny"));
  EXPECT_EQ(plain.size(), original.size());
  for (const auto& [name, tensor] : original) {
    const RawTensor& found = plain.at(HubName(name));
    EXPECT_EQ(found.shape, tensor.shape) << name;
    const bool linear = name.ends_with("_proj.weight") && name.starts_with("model.language_model");
    EXPECT_TRUE(linear || found == tensor) << name;
  }
}

/// Case C05: the layout whose global scales are divisors holds the same weights.
TEST_F(DequantizeTest, CaseC05BothLayoutsGiveTheSameWeights) {
  testing::ExpectSameTensors(RawTensors(Make("ct", CasePath("tiny_ct"))),
                             RawTensors(Make("modelopt", CasePath("tiny_modelopt"))));
}

/// Case C11: scale bytes 01 to 07 are 2^-9 to 7 x 2^-9.
TEST_F(DequantizeTest, CaseC11SubnormalScales) {
  const auto source = temporary_.path() / "source";
  testing::CopyCheckpoint(CasePath("tiny_modelopt"), source);
  for (int i = 1; i <= 7; ++i) {
    const auto block = static_cast<size_t>(i - 1);
    testing::PokeBytes(source / "model.safetensors", kUp + ".weight_scale", block,
                       std::string(1, static_cast<char>(i)));
    testing::PokeBytes(source / "model.safetensors", kUp + ".weight", 8 * block,
                       std::string(8, '\x22'));  // every code 2: the value 1
  }
  const float global = testing::FloatOf(RawTensors(source).at(kUp + ".weight_scale_2"));
  const auto plain = RawTensors(Make("d", source));
  // Row 0 has 64 / 16 = 4 blocks, row 1 the next ones.
  for (size_t i = 1; i <= 7; ++i) {
    const float expected = std::ldexp(static_cast<float>(i), -9) * global;
    EXPECT_EQ(Bf16At(plain.at(kUp + ".weight"), 16 * (i - 1)), Bf16FromFloat(expected)) << i;
  }
}

TEST_F(DequantizeTest, RefusesNanScalesByName) {
  const auto source = temporary_.path() / "source";
  testing::CopyCheckpoint(CasePath("tiny_modelopt"), source);
  testing::Poke(source / "model.safetensors", kUp + ".weight_scale", 5, "7f");
  const ProcessResult result =
      RunFacet({"dequantize", source.string(), (temporary_.path() / "d").string()});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr(kUp + ".weight_scale: block scale [1,1]"));
  EXPECT_FALSE(std::filesystem::exists(temporary_.path() / "d"));
}

TEST_F(DequantizeTest, RefusesWhatIsPlainAlready) {
  const ProcessResult result =
      RunFacet({"dequantize", CasePath("tiny").string(), (temporary_.path() / "d").string()});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("is not quantized"));
}

/// An output layer with its own quantized tensors is not part of this model: left out, and said.
TEST_F(DequantizeTest, LeavesOutWhatTheModelDoesNotUse) {
  const auto source = temporary_.path() / "source";
  testing::CopyCheckpoint(CasePath("tiny_modelopt"), source);
  std::string file = testing::ReadBytes(source / "model.safetensors");
  const std::string before = "model.language_model.layers.0.self_attn.q_proj.input_scale";
  ASSERT_NE(file.find(before), std::string::npos);
  const std::string after = "lm_head." + std::string(before.size() - 20, 'x') + ".input_scale";
  ASSERT_EQ(after.size(), before.size());
  file.replace(file.find(before), before.size(), after);
  testing::WriteBytes(source / "model.safetensors", file);
  const auto plain = RawTensors(Make("d", source));
  EXPECT_EQ(plain.count(after), 0u);
  EXPECT_THAT(last_.err, HasSubstr("1 tensors of a quantization"));
}

TEST_F(DequantizeTest, ShardsAndThreadsChangeNothing) {
  const auto whole = Make("whole", CasePath("tiny_modelopt"), {"--threads", "1"});
  const auto split =
      Make("split", CasePath("tiny_modelopt"), {"--max-shard-size", "500000", "--threads", "3"});
  testing::ExpectSameTensors(RawTensors(split), RawTensors(whole));
  EXPECT_TRUE(std::filesystem::exists(split / "model.safetensors.index.json"));
  EXPECT_EQ(RunFacet({"verify", split.string()}).exit_code, 0);
}

TEST_F(DequantizeTest, JsonSaysWhatWasDone) {
  Make("d", CasePath("tiny_modelopt"), {"--json"});
  const auto json = nlohmann::json::parse(last_.out);
  EXPECT_EQ(json.at("tensors_dequantized"), 41);
  EXPECT_EQ(json.at("shards"), 1);
  EXPECT_GT(json.at("output_bytes"), json.at("source_bytes"));
}

}  // namespace
}  // namespace facet
