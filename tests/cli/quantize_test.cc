// facet quantize, as a user runs it: files, JSON, and the cases of tests/data/cases/cases.md about
// numbers.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/tensor_specs.h"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"
#include "tensor/nvfp4.h"
#include "testing/exported.h"

namespace facet {
namespace {

using testing::CasePath;
using ::testing::ElementsAre;
using testing::FilesOf;
using testing::FloatOf;
using ::testing::HasSubstr;
using testing::JsonFile;
using testing::ProcessResult;
using testing::Quantize;
using testing::RawTensor;
using testing::RawTensors;
using testing::RunFacet;

const std::string kLayer0 = "model.language_model.layers.0.";

/// A source's tensors under the hub's names: the fixtures spell the image embedder as the reference
/// implementation's modules do, and what facet writes has the hub's names.
std::map<std::string, RawTensor> HubTensors(const std::filesystem::path& folder) {
  std::map<std::string, RawTensor> tensors;
  for (auto& [name, tensor] : RawTensors(folder)) tensors[HubName(name)] = tensor;
  return tensors;
}

class QuantizeTest : public ::testing::Test {
 protected:
  /// A quantization that must succeed; the new folder.
  std::filesystem::path Make(const std::string& name, const std::filesystem::path& source,
                             const std::vector<std::string>& more = {}) {
    const auto target = temporary_.path() / name;
    last_ = Quantize(source, target, more);
    EXPECT_EQ(last_.exit_code, 0) << last_.err;
    return target;
  }

  testing::TemporaryFolder temporary_;
  ProcessResult last_;
};

TEST_F(QuantizeTest, WritesTheFourTensorsOfEveryLinearAndKeepsTheRest) {
  const auto target = Make("q", CasePath("tiny"));
  const auto before = HubTensors(CasePath("tiny"));
  const auto after = RawTensors(target);
  int64_t linears = 0;
  for (const auto& [name, tensor] : before) {
    if (!name.ends_with("_proj.weight") || !name.starts_with("model.language_model.")) {
      EXPECT_TRUE(after.at(name) == tensor) << name;
      continue;
    }
    ++linears;
    const std::string module = name.substr(0, name.size() - std::string(".weight").size());
    const int64_t rows = tensor.shape[0];
    const int64_t cols = tensor.shape[1];
    EXPECT_EQ(after.at(name).dtype, "U8");
    EXPECT_THAT(after.at(name).shape, ElementsAre(rows, cols / 2));
    EXPECT_EQ(after.at(module + ".weight_scale").dtype, "F8_E4M3");
    EXPECT_THAT(after.at(module + ".weight_scale").shape, ElementsAre(rows, cols / 16));
    for (const char* scalar : {".weight_scale_2", ".input_scale"}) {
      EXPECT_TRUE(after.at(module + scalar).shape.empty()) << "[] as modelopt writes it";
      EXPECT_GT(FloatOf(after.at(module + scalar)), 0);
    }
  }
  EXPECT_EQ(linears, 41);
  EXPECT_EQ(after.size(), before.size() + 3 * 41);
}

TEST_F(QuantizeTest, MembersOfAGroupShareTheirScalars) {
  const auto tensors = RawTensors(Make("q", CasePath("tiny")));
  const auto value = [&](const std::string& name) { return FloatOf(tensors.at(kLayer0 + name)); };
  for (const std::string scalar : {".weight_scale_2", ".input_scale"}) {
    EXPECT_EQ(value("self_attn.q_proj" + scalar), value("self_attn.k_proj" + scalar));
    EXPECT_EQ(value("self_attn.q_proj" + scalar), value("self_attn.v_proj" + scalar));
    EXPECT_EQ(value("mlp.gate_proj" + scalar), value("mlp.up_proj" + scalar));
    EXPECT_NE(value("mlp.gate_proj" + scalar), value("mlp.down_proj" + scalar));
  }
}

/// Every code and scale recomputed with the definition of tensor/nvfp4.h, global scale included.
TEST_F(QuantizeTest, BytesAreTheFormatsDefinitionInEveryProfile) {
  const auto before = RawTensors(CasePath("tiny"));
  const std::string name = kLayer0 + "self_attn.o_proj";
  const RawTensor& source = before.at(name + ".weight");
  std::vector<float> values;
  float amax = 0;
  for (size_t i = 0; i < source.bytes.size(); i += 2) {
    uint16_t bits = 0;
    std::memcpy(&bits, source.bytes.data() + i, sizeof(bits));
    values.push_back(FloatFromBf16(bits));
    amax = std::max(amax, std::fabs(values.back()));
  }
  for (const std::string profile : {"div", "mul_rcp"}) {
    for (const std::string compat : {"0.44", "0.45"}) {
      SCOPED_TRACE(::testing::Message() << profile << " " << compat);
      const auto target =
          Make(profile + compat, CasePath("tiny"), {"--profile", profile, "--compat", compat});
      const auto after = RawTensors(target);
      const float global =
          GlobalScale(amax, profile == "div" ? DivisionProfile::kDiv : DivisionProfile::kMulRcp);
      EXPECT_EQ(FloatOf(after.at(name + ".weight_scale_2")), global);
      std::string codes;
      std::string scales;
      for (size_t block = 0; block < values.size(); block += kNvfp4Block) {
        const QuantizedBlock quantized = QuantizeWeightBlock(
            std::span<const float, kNvfp4Block>(values.data() + block, kNvfp4Block), global,
            compat == "0.44" ? ModeloptCompat::k044 : ModeloptCompat::k045);
        scales.push_back(static_cast<char>(quantized.scale));
        for (size_t i = 0; i < kNvfp4Block; i += 2) {
          codes.push_back(static_cast<char>(quantized.codes[i] | quantized.codes[i + 1] << 4));
        }
      }
      EXPECT_EQ(after.at(name + ".weight").bytes, codes);
      EXPECT_EQ(after.at(name + ".weight_scale").bytes, scales);
      EXPECT_EQ(JsonFile(target / "hf_quant_config.json")["producer"]["version"], compat + ".0");
    }
  }
}

TEST_F(QuantizeTest, TwiceGivesIdenticalFiles) {
  testing::ExpectSameFiles(Make("a", CasePath("tiny")), Make("b", CasePath("tiny")));
}

TEST_F(QuantizeTest, ThreadsAndBatchesChangeNothing) {
  testing::ExpectSameFiles(Make("a", CasePath("tiny"), {"--threads", "1", "--batch-size", "1"}),
                           Make("b", CasePath("tiny"), {"--threads", "3", "--batch-size", "4"}));
}

/// Weights are the same to the byte on both backends; ranges of inputs come out of a float32
/// forward pass whose sums are ordered differently, and differ in the last bits.
TEST_F(QuantizeTest, BackendsAgree) {
  const auto ref = RawTensors(Make("ref", CasePath("tiny"), {"--backend", "ref"}));
  const auto cpu = RawTensors(Make("cpu", CasePath("tiny"), {"--backend", "cpu"}));
  ASSERT_EQ(ref.size(), cpu.size());
  for (const auto& [name, tensor] : ref) {
    if (name.ends_with(".input_scale")) {
      EXPECT_NEAR(FloatOf(cpu.at(name)) / FloatOf(tensor), 1, 1e-4) << name;
    } else {
      EXPECT_TRUE(cpu.at(name) == tensor) << name;
    }
  }
}

TEST_F(QuantizeTest, BothConfigurationsStateTheSame) {
  const auto target = Make("q", CasePath("tiny"));
  const std::vector<std::string> exclude = {"lm_head", "model.embed_audio*", "model.embed_vision*",
                                            "model.vision_embedder*"};
  const auto own = JsonFile(target / "hf_quant_config.json");
  EXPECT_EQ(own["quantization"]["quant_algo"], "NVFP4");
  EXPECT_EQ(own["quantization"]["group_size"], 16);
  EXPECT_TRUE(own["quantization"].at("kv_cache_quant_algo").is_null());
  EXPECT_EQ(own["quantization"]["exclude_modules"], exclude);
  auto config = JsonFile(target / "config.json");
  EXPECT_EQ(config["quantization_config"]["ignore"], exclude);
  EXPECT_EQ(config["quantization_config"]["quant_method"], "modelopt");
  config.erase("quantization_config");
  EXPECT_EQ(config.dump(), JsonFile(CasePath("tiny/config.json")).dump()) << "order included";
}

TEST_F(QuantizeTest, CopiesEveryOtherFileAndNoWeights) {
  const auto source = temporary_.path() / "source";
  testing::CopyCheckpoint(CasePath("tiny"), source);
  testing::WriteBytes(source / "NOTICE", "words");
  testing::WriteBytes(source / "pytorch_model.bin", "old weights");
  testing::WriteBytes(source / "empty.txt", "");
  std::filesystem::create_directory(source / "folder");
  const auto files = FilesOf(Make("q", source));
  for (const char* name : {"NOTICE", "empty.txt", "tokenizer.json", "tokenizer_config.json",
                           "generation_config.json", "chat_template.jinja"}) {
    EXPECT_EQ(files.at(name), testing::ReadBytes(source / name)) << name;
  }
  EXPECT_EQ(files.count("pytorch_model.bin"), 0u);
  EXPECT_EQ(files.size(), 6u + 3) << "and config.json, hf_quant_config.json, model.safetensors";
}

TEST_F(QuantizeTest, ShardsHoldTheSameTensors) {
  const auto whole = Make("whole", CasePath("tiny"));
  const auto split = Make("split", CasePath("tiny"), {"--max-shard-size", "300000"});
  testing::ExpectSameTensors(RawTensors(split), RawTensors(whole));
  const auto index = JsonFile(split / "model.safetensors.index.json");
  uint64_t total = 0;
  for (const auto& [name, tensor] : RawTensors(split)) total += tensor.bytes.size();
  EXPECT_EQ(index["metadata"]["total_size"], total);
  EXPECT_EQ(index["weight_map"].size(), RawTensors(split).size());
  EXPECT_FALSE(std::filesystem::exists(split / "model.safetensors"));
  EXPECT_EQ(RunFacet({"verify", split.string()}).exit_code, 0);
}

TEST_F(QuantizeTest, VerifyFindsNothing) {
  const auto target = Make("q", CasePath("tiny"));
  const ProcessResult verify = RunFacet({"verify", target.string()});
  EXPECT_EQ(verify.exit_code, 0) << verify.out;
  EXPECT_THAT(verify.out, HasSubstr("0 errors, 0 warnings"));
}

TEST_F(QuantizeTest, JsonSaysWhatWasDone) {
  const auto target = Make("q", CasePath("tiny"), {"--json"});
  const auto json = nlohmann::json::parse(last_.out);
  EXPECT_EQ(json.at("target"), target.string());
  EXPECT_EQ(json.at("tensors_quantized"), 41);
  EXPECT_EQ(json.at("calibration").at("sequences"), 2);
  EXPECT_EQ(json.at("calibration").at("tokens"), 48);
  EXPECT_EQ(json.at("profile"), "mul_rcp");
  EXPECT_EQ(json.at("compat"), "0.45");
  EXPECT_EQ(json.at("warnings").size(), 0u);
  EXPECT_GT(json.at("compression").get<double>(), 1);
}

/// Case C11: ties, the rounded scale, and the whole tensor by the definition.
TEST_F(QuantizeTest, CaseC11Ties) {
  const auto source = temporary_.path() / "tiny";
  testing::CopyCheckpoint(CasePath("tiny"), source);
  testing::Poke(source / "model.safetensors", kLayer0 + "mlp.down_proj.weight", 0,
                "803e403fa03fe03f20406040a040c04080be40bfa0bfe0bf20c060c0a0c0c0c0");
  const auto tensors = RawTensors(Make("q", source, {"--profile", "div"}));
  EXPECT_EQ(tensors.at(kLayer0 + "mlp.down_proj.weight").bytes.substr(0, 8),
            testing::BytesFromHex("20426476a8caecfe"));
  EXPECT_EQ(tensors.at(kLayer0 + "mlp.down_proj.weight_scale").bytes[0], '\x7e');
  EXPECT_EQ(FloatOf(tensors.at(kLayer0 + "mlp.down_proj.weight_scale_2")), 6.0f / 2688.0f);
}

void ExpectNoNanScale(const std::map<std::string, RawTensor>& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with(".weight_scale")) continue;
    for (const char byte : tensor.bytes) ASSERT_LT(static_cast<uint8_t>(byte), kE4m3Nan) << name;
  }
}

bool IsZerosAndOnes(const RawTensor& tensor) {
  for (size_t i = 0; i < tensor.bytes.size(); i += 2) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + i, sizeof(bits));
    if (bits != 0 && bits != 0x3F80) return false;
  }
  return true;
}

/// Case C08: nearly all blocks are zero. Whatever holds only 0 and 1 comes back exactly; that is
/// all but the query, key and value projections, whose output an all-zero o_proj cancels.
TEST_F(QuantizeTest, CaseC08ZeroBlocksStayExact) {
  const auto source = testing::UnpackScriptModel("script_stop", temporary_.path());
  for (const std::string compat : {"0.44", "0.45"}) {
    const auto target = Make("q" + compat, source, {"--compat", compat});
    const auto quantized = RawTensors(target);
    ExpectNoNanScale(quantized);
    const auto back = temporary_.path() / ("d" + compat);
    const ProcessResult dequantize = RunFacet({"dequantize", target.string(), back.string()});
    ASSERT_EQ(dequantize.exit_code, 0) << dequantize.err;
    const auto plain = RawTensors(back);
    int64_t exact = 0;
    for (const auto& [name, tensor] : HubTensors(source)) {
      const bool linear = quantized.at(name).dtype == "U8";
      if (linear && !IsZerosAndOnes(tensor)) continue;
      EXPECT_TRUE(plain.at(name) == tensor) << name;
      exact += linear ? 1 : 0;
    }
    EXPECT_EQ(exact, 41 - 17);  // q and k of 6 layers, v of 5
  }
}

TEST_F(QuantizeTest, CaseC08SaysTheSameAsBf16) {
  const auto source = testing::UnpackScriptModel("script_stop", temporary_.path());
  const auto target = Make("q", source);
  const auto ask = [](const std::filesystem::path& model) {
    return RunFacet({"run", model.string(), "\n", "--raw", "--temperature", "0"});
  };
  const ProcessResult bf16 = ask(source);
  const ProcessResult nvfp4 = ask(target);
  ASSERT_EQ(bf16.exit_code, 0) << bf16.err;
  EXPECT_THAT(bf16.out, HasSubstr("The brown fox jumps"));
  EXPECT_EQ(nvfp4.out, bf16.out);
}

TEST_F(QuantizeTest, CaseC08AllZeroTensorIsFiniteAndReported) {
  const auto source = temporary_.path() / "tiny";
  testing::CopyCheckpoint(CasePath("tiny"), source);
  const std::string name = kLayer0 + "mlp.down_proj";
  testing::PokeBytes(source / "model.safetensors", name + ".weight", 0,
                     std::string(64 * 128 * 2, '\0'));
  const auto target = Make("q", source, {"--compat", "0.44"});
  EXPECT_THAT(last_.err, HasSubstr("weights are all zero: " + name + ".weight"));
  const auto tensors = RawTensors(target);
  ExpectNoNanScale(tensors);
  const float global = FloatOf(tensors.at(name + ".weight_scale_2"));
  EXPECT_TRUE(std::isfinite(global) && global > 0);
  EXPECT_EQ(tensors.at(name + ".weight").bytes, std::string(64 * 128 / 2, '\0'));
  EXPECT_EQ(tensors.at(name + ".weight_scale").bytes, std::string(64 * 128 / 16, '\x38'));
}

TEST_F(QuantizeTest, WeightsThatAreNotFiniteAreRefusedByName) {
  const auto source = temporary_.path() / "tiny";
  testing::CopyCheckpoint(CasePath("tiny"), source);
  testing::Poke(source / "model.safetensors", kLayer0 + "mlp.up_proj.weight", 7, "807f");
  const ProcessResult result = Quantize(source, temporary_.path() / "q");
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr(kLayer0 + "mlp.up_proj.weight: element [0,7] is inf"));
  EXPECT_FALSE(std::filesystem::exists(temporary_.path() / "q"));
}

TEST_F(QuantizeTest, RefusesWhatIsQuantizedAlready) {
  for (const char* name : {"tiny_modelopt", "tiny_ct"}) {
    const ProcessResult result = Quantize(CasePath(name), temporary_.path() / "q");
    EXPECT_EQ(result.exit_code, 6);
    EXPECT_THAT(result.err, HasSubstr("is quantized already"));
  }
}

TEST_F(QuantizeTest, RefusesToRunWithoutText) {
  const auto target = (temporary_.path() / "q").string();
  const ProcessResult missing = RunFacet({"quantize", CasePath("tiny").string(), target});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("--calibration TEXT is needed"));
  testing::WriteBytes(temporary_.path() / "empty.txt", "");
  const auto with = [&](const std::string& text) {
    return RunFacet({"quantize", CasePath("tiny").string(), target, "--calibration", text});
  };
  EXPECT_EQ(with((temporary_.path() / "empty.txt").string()).exit_code, 2);
  EXPECT_EQ(with((temporary_.path() / "none.txt").string()).exit_code, 3);
  EXPECT_EQ(with(CasePath("tiny/model.safetensors").string()).exit_code, 5) << "not text";
}

TEST_F(QuantizeTest, ShortTextIsUsedWholeAndSaidSo) {
  testing::WriteBytes(temporary_.path() / "short.txt", "Call me Ishmael.");
  const auto target = temporary_.path() / "q";
  const ProcessResult result =
      RunFacet({"quantize", CasePath("tiny").string(), target.string(), "--calibration",
                (temporary_.path() / "short.txt").string(), "--sequence-length", "100000"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("holds text for 1 of 512 samples"));
  EXPECT_THAT(result.err, HasSubstr("is more than the model's 8192 positions"));
}

TEST_F(QuantizeTest, HelpShowsEveryOptionAndExamples) {
  const ProcessResult help = RunFacet({"quantize", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text :
       {"--calibration", "--samples", "--sequence-length", "--batch-size", "--profile", "--compat",
        "--backend", "--threads", "--json", "Examples:"}) {
    EXPECT_THAT(help.out, HasSubstr(text));
  }
}

}  // namespace
}  // namespace facet
