// Each finding has a broken checkpoint that triggers it, and sound ones trigger none.
#include "checkpoint/static_check.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/tensor_specs.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using testing::CopyCheckpoint;
using testing::EditJson;
using ::testing::HasSubstr;
using testing::Poke;
using testing::ReadBytes;
using testing::SourcePath;
using testing::TemporaryFolder;
using testing::Value;
using testing::WriteBytes;

const std::string kUp = "model.language_model.layers.0.mlp.up_proj";

StaticReport Check(const std::filesystem::path& folder) {
  return CheckCheckpoint(Value(Checkpoint::Open(folder)), nullptr);
}

/// A copy of a case that a test damages.
class Damaged {
 public:
  explicit Damaged(const std::string& name) { CopyCheckpoint(CasePath(name), folder()); }
  std::filesystem::path folder() const { return temporary_.path() / "copy"; }
  std::filesystem::path file() const { return folder() / "model.safetensors"; }

  /// Replaces a text in the header by one of the same length.
  void EditHeader(const std::string& from, const std::string& to) {
    std::string bytes = ReadBytes(file());
    const size_t position = bytes.find(from);
    if (position == std::string::npos || from.size() != to.size()) {
      throw std::runtime_error("cannot replace " + from);
    }
    WriteBytes(file(), bytes.replace(position, from.size(), to));
  }

  /// The first finding of this code; fails the test if there is none of this severity.
  Finding Expect(Severity severity, const std::string& code) const {
    const StaticReport report = Check(folder());
    for (const Finding& finding : report.findings.list()) {
      if (finding.code == code && finding.severity == severity) return finding;
    }
    ADD_FAILURE() << "no " << NameOf(severity) << " " << code;
    return {};
  }

 private:
  TemporaryFolder temporary_;
};

TEST(StaticCheckTest, SoundCheckpointsHaveNoErrorsOrWarnings) {
  for (const std::string name : {"tiny_modelopt", "tiny_ct", "tiny", "tiny_w8", "c03/ok"}) {
    const StaticReport report = Check(CasePath(name));
    for (const Finding& finding : report.findings.list()) {
      EXPECT_EQ(finding.severity, Severity::kInfo) << name << ": " << finding.code;
    }
  }
  const StaticReport trained = Check(SourcePath("models/tiny"));
  EXPECT_EQ(trained.findings.Count(Severity::kError), 0);
  EXPECT_EQ(trained.parameters, 8'246'668);
}

TEST(StaticCheckTest, CountsQuantizedLinears) {
  for (const std::string name : {"tiny_modelopt", "tiny_ct"}) {
    const StaticReport report = Check(CasePath(name));
    EXPECT_EQ(report.quantized_linears, 41);  // 6 layers x 6, and v_proj in 5
    EXPECT_EQ(report.linears, 41);
  }
}

TEST(StaticCheckTest, GroupsWhoseScalesDifferAreInformation) {
  const Damaged copy("tiny_modelopt");
  Poke(copy.file(), kUp + ".weight_scale_2", 0, "0000003f");
  const Finding finding = copy.Expect(Severity::kInfo, "group_weight_scales_differ");
  EXPECT_THAT(finding.subject, HasSubstr("layers.0.mlp.gate_up_proj"));
  EXPECT_THAT(finding.message, HasSubstr("up_proj 0.5"));
}

TEST(StaticCheckTest, HeadCountsThatContradictTheFile) {
  for (const char* value : {"null", "2", "absent"}) {
    const Damaged copy("tiny_modelopt");
    EditJson(copy.folder() / "config.json", [&](auto& json) {
      auto& text = json["text_config"];
      if (std::string(value) == "absent") {
        text.erase("num_global_key_value_heads");
      } else {
        text["num_global_key_value_heads"] = nlohmann::ordered_json::parse(value);
      }
    });
    const Finding finding = copy.Expect(Severity::kError, "wrong_shape");
    EXPECT_THAT(finding.subject, HasSubstr("layers.5.self_attn.k_proj"));
    EXPECT_THAT(finding.message, HasSubstr("[32,32]"));
    EXPECT_THAT(finding.message, HasSubstr("[64,32]"));
  }
}

TEST(StaticCheckTest, BadScales) {
  const Damaged nan("tiny_modelopt");
  Poke(nan.file(), kUp + ".weight_scale", 5, "7fff");
  EXPECT_THAT(nan.Expect(Severity::kError, "nan_block_scale").message, HasSubstr("[1,1]"));
  const Damaged negative("tiny_modelopt");
  Poke(negative.file(), kUp + ".weight_scale", 5, "b8");
  negative.Expect(Severity::kError, "negative_block_scale");
  const Damaged zero_block("tiny_modelopt");
  Poke(zero_block.file(), kUp + ".weight_scale", 5, "00");
  zero_block.Expect(Severity::kWarning, "zero_block_scale");
  for (const char* hex : {"00000000", "0000807f", "0000c07f", "000080bf"}) {
    const Damaged bad("tiny_modelopt");
    Poke(bad.file(), kUp + ".weight_scale_2", 0, hex);
    EXPECT_EQ(bad.Expect(Severity::kError, "bad_scale").subject, kUp + ".weight_scale_2");
    Poke(bad.file(), kUp + ".input_scale", 0, hex);
  }
  const Damaged divisor("tiny_modelopt");  // 2688 / amax, the other layout's convention
  Poke(divisor.file(), kUp + ".weight_scale_2", 0, "00409c45");
  divisor.Expect(Severity::kWarning, "implausible_scale");
}

TEST(StaticCheckTest, ZerosAndNumbersThatAreNotFinite) {
  const Damaged zeros("tiny_modelopt");
  Poke(zeros.file(), "model.language_model.layers.0.mlp.down_proj.weight", 0,
       std::string(2 * 64 * 64, '0'));
  EXPECT_THAT(zeros.Expect(Severity::kWarning, "all_zero").subject, HasSubstr("down_proj"));
  const Damaged infinite("tiny");
  Poke(infinite.file(), "model.language_model.norm.weight", 3, "807f");
  infinite.Expect(Severity::kError, "not_finite");
}

TEST(StaticCheckTest, MissingUnexpectedAndWrongTensors) {
  Damaged renamed("tiny");
  renamed.EditHeader("layers.0.layer_scalar", "layers.0.layer_scalaX");
  EXPECT_THAT(renamed.Expect(Severity::kError, "missing_tensor").subject,
              HasSubstr("layer_scalar"));
  EXPECT_THAT(renamed.Expect(Severity::kWarning, "unexpected_tensor").subject,
              HasSubstr("layer_scalaX"));
  Damaged retyped("tiny");
  retyped.EditHeader(R"(norm.weight":{"dtype":"BF16")", R"(norm.weight":{"dtype":"I16" )");
  retyped.Expect(Severity::kError, "wrong_dtype");
  Damaged scale("tiny_modelopt");
  scale.EditHeader("layers.0.mlp.up_proj.weight_scale_2", "layers.0.mlp.up_proj.weight_scale_X");
  EXPECT_EQ(scale.Expect(Severity::kError, "missing_scale").subject, kUp);
  Damaged input("tiny_modelopt");
  input.EditHeader("layers.0.mlp.up_proj.input_scale", "layers.0.mlp.up_proj.input_scalX");
  input.Expect(Severity::kWarning, "no_input_scale");
}

TEST(StaticCheckTest, ExclusionListsAgainstEachOtherAndTheFile) {
  const Damaged lists("tiny_modelopt");
  EditJson(lists.folder() / "config.json",
           [](auto& json) { json["quantization_config"]["ignore"].push_back("extra"); });
  EXPECT_THAT(lists.Expect(Severity::kError, "exclusion_lists_differ").message, HasSubstr("extra"));
  const auto with_list = [](const nlohmann::ordered_json& list) {
    auto copy = std::make_unique<Damaged>("tiny_modelopt");
    EditJson(copy->folder() / "config.json",
             [&](auto& json) { json["quantization_config"]["ignore"] = list; });
    EditJson(copy->folder() / "hf_quant_config.json",
             [&](auto& json) { json["quantization"]["exclude_modules"] = list; });
    return copy;
  };
  EXPECT_THAT(with_list({"lm_head", "model.embed_audio*"})
                  ->Expect(Severity::kError, "not_excluded")
                  .subject,
              HasSubstr("patch_dense"));
  with_list({"model.embed_vision*", "model.embed_audio*"})
      ->Expect(Severity::kWarning, "not_excluded");
  EXPECT_THAT(with_list({"lm_head", "model.embed_vision*", "model.embed_audio*", kUp})
                  ->Expect(Severity::kError, "excluded_but_quantized")
                  .subject,
              HasSubstr("up_proj"));
}

TEST(StaticCheckTest, StatementsThatContradictTheFile) {
  const Damaged keys("tiny_modelopt");
  EditJson(keys.folder() / "hf_quant_config.json",
           [](auto& json) { json["quantization"].erase("kv_cache_quant_algo"); });
  EXPECT_THAT(keys.Expect(Severity::kError, "hf_quant_config_key_missing").message,
              HasSubstr("kv_cache_quant_algo"));
  const Damaged silent("tiny_modelopt");
  std::filesystem::remove(silent.folder() / "hf_quant_config.json");
  silent.Expect(Severity::kWarning, "hf_quant_config_missing");
  EditJson(silent.folder() / "config.json", [](auto& json) { json.erase("quantization_config"); });
  silent.Expect(Severity::kError, "quantization_not_stated");
  const Damaged plain("tiny");
  std::filesystem::copy(CasePath("tiny_modelopt/hf_quant_config.json"),
                        plain.folder() / "hf_quant_config.json");
  plain.Expect(Severity::kError, "not_quantized");
  const Damaged layout("tiny_ct");
  std::filesystem::copy(CasePath("tiny_modelopt/hf_quant_config.json"),
                        layout.folder() / "hf_quant_config.json");
  layout.Expect(Severity::kError, "layout_mismatch");
  layout.Expect(Severity::kError, "quant_algo_differs");
}

TEST(StaticCheckTest, IndexAndConfigurationValues) {
  const Damaged index("c03/ok");
  EditJson(index.folder() / "model.safetensors.index.json",
           [](auto& json) { json["metadata"]["total_size"] = 7; });
  index.Expect(Severity::kWarning, "index_total_size");
  const Damaged cap("tiny");
  EditJson(cap.folder() / "config.json",
           [](auto& json) { json["text_config"]["final_logit_softcapping"] = nullptr; });
  EXPECT_THAT(cap.Expect(Severity::kWarning, "unusual_value").subject, HasSubstr("softcapping"));
  const Damaged patches("tiny");
  WriteBytes(patches.folder() / "processor_config.json",
             R"({"image_processor": {"patch_size": 14}})");
  patches.Expect(Severity::kError, "processor_mismatch");
  const Damaged bare("tiny");
  std::filesystem::remove(bare.folder() / "tokenizer.json");
  EXPECT_EQ(bare.Expect(Severity::kWarning, "missing_file").subject, "tokenizer.json");
}

}  // namespace
}  // namespace facet
