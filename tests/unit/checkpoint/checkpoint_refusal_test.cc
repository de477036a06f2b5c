// What an opened folder accepts besides the usual, and what it refuses: names, indexes, scales.
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "tensor/bf16.h"
#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using testing::CopyCheckpoint;
using testing::EditJson;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::Poke;
using testing::TemporaryFolder;
using testing::Value;
using testing::WriteBytes;

const std::string kUp = "model.language_model.layers.0.mlp.up_proj";

/// A copy of a case, with tensors that a test changes before they are written.
class Rewritten {
 public:
  struct Tensor {
    DType dtype = DType::kBF16;
    Shape shape;
    std::string bytes;
  };

  explicit Rewritten(const std::string& name) {
    CopyCheckpoint(CasePath(name), folder());
    const Checkpoint original = Value(Checkpoint::Open(folder()));
    for (const TensorInfo& tensor : original.tensors()) {
      tensors[tensor.name] = {
          tensor.dtype, tensor.shape,
          std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size())};
    }
  }

  std::filesystem::path folder() const { return temporary_.path() / "copy"; }
  std::filesystem::path file() const { return folder() / "model.safetensors"; }

  void Rename(const std::string& from, const std::string& to) {
    tensors[to] = tensors.at(from);
    tensors.erase(from);
  }

  Result<Checkpoint> Open() {
    std::filesystem::remove(file());
    std::vector<SafetensorsTensor> declared;
    for (const auto& [name, tensor] : tensors)
      declared.push_back({name, tensor.dtype, tensor.shape});
    SafetensorsWriter writer = Value(SafetensorsWriter::Create(file(), declared));
    for (const auto& [name, tensor] : tensors) {
      Value(writer.Append(name, std::as_bytes(std::span(tensor.bytes))));
    }
    Value(writer.Close());
    return Checkpoint::Open(folder());
  }

  std::map<std::string, Tensor> tensors;

 private:
  TemporaryFolder temporary_;
};

TEST(CheckpointNamesTest, ModuleNamesOfTheReferenceBecomeTheHubs) {
  Rewritten copy("tiny");
  copy.Rename("model.vision_embedder.patch_dense.weight", "model.embed_vision.patch_dense.weight");
  copy.Rename("model.vision_embedder.pos_embedding", "model.embed_vision.pos_embedding");
  copy.Rename("model.embed_vision.embedding_projection.weight",
              "model.embed_vision.multimodal_embedder.embedding_projection.weight");
  copy.tensors["model.embed_vision.embedding.weight"] = {DType::kBF16, {1}, "ab"};
  const Checkpoint checkpoint = Value(copy.Open());
  EXPECT_EQ(checkpoint.tensors().size(), 96u);
  EXPECT_EQ(checkpoint.warnings().size(), 0u);
  EXPECT_NE(checkpoint.Find("model.vision_embedder.pos_embedding"), nullptr);
  EXPECT_NE(checkpoint.Find("model.embed_vision.embedding_projection.weight"), nullptr);
  EXPECT_EQ(checkpoint.Find("model.embed_vision.embedding.weight"), nullptr);
}

TEST(CheckpointNamesTest, TwoSpellingsOfOneTensorAreRefused) {
  Rewritten copy("tiny");
  copy.tensors["model.embed_vision.pos_embedding"] =
      copy.tensors.at("model.vision_embedder.pos_embedding");
  EXPECT_THAT(ErrorOf(copy.Open()).message, HasSubstr("under two names"));
}

TEST(CheckpointNamesTest, UnknownTensorsAreAWarning) {
  Rewritten copy("tiny");
  copy.tensors["model.language_model.extra"] = {DType::kBF16, {1}, "ab"};
  const Checkpoint checkpoint = Value(copy.Open());
  ASSERT_EQ(checkpoint.warnings().size(), 1u);
  EXPECT_THAT(checkpoint.warnings()[0], HasSubstr("model.language_model.extra"));
}

TEST(CheckpointIndexTest, ReachesOnlyIntoItsFolder) {
  for (const std::string shard : {"../model.safetensors", "/etc/passwd", "", "config.json"}) {
    const TemporaryFolder temporary;
    const auto copy = temporary.path() / "copy";
    CopyCheckpoint(CasePath("tiny"), copy);
    nlohmann::json index;
    index["weight_map"]["model.language_model.norm.weight"] = shard;
    WriteBytes(copy / "model.safetensors.index.json", index.dump());
    const Error error = ErrorOf(Checkpoint::Open(copy));
    EXPECT_EQ(error.code, ErrorCode::kInvalidData) << shard;
    EXPECT_THAT(error.message, HasSubstr("weight_map"));
  }
}

TEST(CheckpointIndexTest, ATensorThatItsShardDoesNotHold) {
  const TemporaryFolder temporary;
  const auto copy = temporary.path() / "copy";
  CopyCheckpoint(CasePath("c03/ok"), copy);
  EditJson(copy / "model.safetensors.index.json", [](auto& json) {
    json["weight_map"]["model.ghost"] = "model-00001-of-00002.safetensors";
  });
  EXPECT_THAT(ErrorOf(Checkpoint::Open(copy)).message, HasSubstr("model.ghost"));
}

TEST(CheckpointScaleTest, ScalarsOfBothShapesAndBf16) {
  Rewritten copy("tiny_modelopt");
  Rewritten::Tensor& global = copy.tensors.at(kUp + ".weight_scale_2");
  global.shape = {1};
  EXPECT_EQ(RowsOf(Value(Value(copy.Open()).Linear(kUp, 128, 64))), 128);
  global = {DType::kBF16, {}, std::string("\x80\x3f", 2)};
  const Weight widened = Value(Value(copy.Open()).Linear(kUp, 128, 64));
  EXPECT_EQ(std::get<Nvfp4Matrix>(widened).global_scale, 1.0f);
  global = {DType::kBF16, {2}, std::string(4, '\x3f')};
  EXPECT_THAT(ErrorOf(Value(copy.Open()).Linear(kUp, 128, 64)).message, HasSubstr("single number"));
}

TEST(CheckpointScaleTest, AMissingInputScaleMeansWeightsOnly) {
  Rewritten copy("tiny_modelopt");
  copy.tensors.erase(kUp + ".input_scale");
  const Weight weight = Value(Value(copy.Open()).Linear(kUp, 128, 64));
  EXPECT_FALSE(std::get<Nvfp4Matrix>(weight).input_scale);
  copy.tensors.erase(kUp + ".weight_scale");
  EXPECT_THAT(ErrorOf(Value(copy.Open()).Linear(kUp, 128, 64)).message,
              HasSubstr(kUp + ".weight_scale is missing"));
}

TEST(CheckpointScaleTest, RefusesWhatWouldComputeNonsense) {
  Rewritten smoothed("tiny_modelopt");
  smoothed.tensors[kUp + ".pre_quant_scale"] = {DType::kBF16, {64}, std::string(128, '\0')};
  EXPECT_EQ(ErrorOf(Value(smoothed.Open()).Linear(kUp, 128, 64)).code, ErrorCode::kUnsupported);
  Rewritten both("tiny_modelopt");
  both.tensors[kUp + ".weight_packed"] = both.tensors.at(kUp + ".weight");
  EXPECT_THAT(ErrorOf(Value(both.Open()).Linear(kUp, 128, 64)).message, HasSubstr("both"));
  for (const auto& [tensor, hex] :
       std::map<std::string, std::string>{{".weight_scale", "7f"},
                                          {".weight_scale_2", "0000c07f"},
                                          {".input_scale", "00000000"}}) {
    Rewritten copy("tiny_modelopt");
    Poke(copy.file(), kUp + tensor, 0, hex);
    const Error error = ErrorOf(Value(Checkpoint::Open(copy.folder())).Linear(kUp, 128, 64));
    EXPECT_EQ(error.code, ErrorCode::kInvalidData);
    EXPECT_THAT(error.message, HasSubstr(kUp + tensor));
  }
}

TEST(CheckpointScaleTest, ValuesAtOddAddressesAreRefused) {
  Rewritten copy("tiny");
  copy.tensors["a"] = {DType::kU8, {1}, "x"};
  const Checkpoint checkpoint = Value(copy.Open());
  const Error error = ErrorOf(checkpoint.Bf16("model.language_model.norm.weight", {64}));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("not aligned"));
}

}  // namespace
}  // namespace facet
