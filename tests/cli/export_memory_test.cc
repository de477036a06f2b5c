// quantize and dequantize hold one weight at a time, whatever the model's size.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/tensor_specs.h"
#include "tensor/bf16.h"
#include "testing/background_process.h"
#include "testing/exported.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::BackgroundProcess;
using testing::CasePath;
using testing::Value;

constexpr int64_t kLayers = 24;
constexpr int64_t kHidden = 512;
constexpr int64_t kIntermediate = 3072;

/// A checkpoint of 24 layers and about 250 MB with the fixture's tokenizer and random weights.
void MakeLargeModel(const std::filesystem::path& folder) {
  testing::CopyCheckpoint(CasePath("tiny"), folder);
  std::filesystem::remove(folder / "model.safetensors");
  testing::EditJson(folder / "config.json", [](auto& json) {
    auto& text = json.at("text_config");
    text["hidden_size"] = kHidden;
    text["intermediate_size"] = kIntermediate;
    text["num_hidden_layers"] = kLayers;
    const auto six = text.at("layer_types");
    auto types = six;
    while (static_cast<int64_t>(types.size()) < kLayers)
      types.insert(types.end(), six.begin(), six.end());
    text["layer_types"] = types;
    json.erase("vision_config");
    json.erase("audio_config");
  });
  const auto config = Value(ModelConfig::Parse(testing::ReadBytes(folder / "config.json")));
  const std::vector<TensorSpec> specs = TensorSpecs(config);
  std::vector<SafetensorsTensor> tensors;
  tensors.reserve(specs.size());
  for (const TensorSpec& spec : specs) tensors.push_back({spec.name, DType::kBF16, spec.shape});
  SafetensorsWriter writer =
      Value(SafetensorsWriter::Create(folder / "model.safetensors", std::move(tensors)));
  for (const TensorSpec& spec : specs) {
    std::vector<uint16_t> values(static_cast<size_t>(spec.shape.elements()));
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = spec.shape.rank() == 2 ? 0.05 * (RandomUnit(7, i) - 0.5) : 1.0;
      values[i] = Bf16FromFloat(static_cast<float>(value));
    }
    Value(writer.Append(spec.name, std::as_bytes(std::span(values))));
  }
  Value(writer.Close());
}

int64_t PeakAnonymousBytes(const std::vector<std::string>& command) {
  BackgroundProcess process(command);
  int64_t peak = 0;
  process.WaitUntil([&] {
    peak = std::max(peak, process.AnonymousBytes());
    return false;
  });
  EXPECT_EQ(process.Wait(), 0);
  return peak;
}

/// Pages of mapped files do not count: the system takes them back when it wants to. What may grow
/// is the memory of the process itself, and it must stay within a few layers of 10 MB; the weights
/// as a whole are 250 MB before and 70 MB after.
TEST(ExportMemoryTest, HoldsAFewLayersAtMost) {
  const testing::TemporaryFolder folder;
  const auto source = folder.path() / "source";
  MakeLargeModel(source);
  const auto quantized = folder.path() / "quantized";
  const auto plain = folder.path() / "plain";
  const int64_t layer_bytes =
      (4 * kHidden * 64 + 3 * kHidden * kIntermediate) * static_cast<int64_t>(sizeof(uint16_t));
  const int64_t quantize_peak = PeakAnonymousBytes(testing::QuantizeCommand(source, quantized));
  const int64_t dequantize_peak =
      PeakAnonymousBytes({FACET_BINARY, "dequantize", quantized.string(), plain.string()});
  EXPECT_GT(quantize_peak, 0);
  EXPECT_LT(quantize_peak, 4 * layer_bytes);
  EXPECT_GT(dequantize_peak, 0);
  EXPECT_LT(dequantize_peak, 4 * layer_bytes);
  fmt::print("beyond mapped pages: quantize {}, dequantize {}; a layer has {}\n",
             HumanBytes(static_cast<uint64_t>(quantize_peak)),
             HumanBytes(static_cast<uint64_t>(dequantize_peak)),
             HumanBytes(static_cast<uint64_t>(layer_bytes)));
}

}  // namespace
}  // namespace facet
