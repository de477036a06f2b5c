// An opened model folder: mapped shards, configurations, and every tensor by its hub name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "checkpoint/generation_config.h"
#include "checkpoint/model_config.h"
#include "checkpoint/processor_config.h"
#include "checkpoint/quant_config.h"
#include "tensor/dtype.h"
#include "tensor/nvfp4.h"
#include "tensor/shape.h"

namespace facet {

/// One tensor of a checkpoint; `bytes` look into a mapped shard.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kBF16;
  Shape shape;
  std::span<const std::byte> bytes;
  int shard = 0;  ///< index into Checkpoint::shard_names()
};

/// How a checkpoint's linears are stored.
enum class WeightFormat { kBf16, kNvfp4Modelopt, kNvfp4CompressedTensors };

/// Immutable after Open(). Names are the hub's, whichever of the accepted spellings the file uses.
class Checkpoint {
 public:
  /// Opens a folder: config.json, generation_config.json and processor_config.json (both optional),
  /// the shards that model.safetensors.index.json names (or model.safetensors), and the
  /// quantization configuration. Every header is checked and every file the index names must be
  /// there; contents are not read. Errors name the file.
  static Result<Checkpoint> Open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const ModelConfig& config() const { return config_; }
  const GenerationConfig& generation() const { return generation_; }
  const ProcessorConfig& processor() const { return processor_; }
  /// Present when either configuration file states a quantization.
  const std::optional<QuantConfig>& quantization() const { return quantization_; }
  WeightFormat format() const { return format_; }
  std::span<const std::string> shard_names() const { return shard_names_; }
  /// Sorted by name.
  std::span<const TensorInfo> tensors() const { return tensors_; }
  /// Accepted but worth saying: a stray shard, an unknown tensor.
  std::span<const std::string> warnings() const { return warnings_; }

  /// Nothing if the checkpoint has no such tensor.
  const TensorInfo* Find(std::string_view name) const;

  /// A BF16 vector or table with exactly this shape; kInvalidData otherwise, with both shapes.
  Result<const uint16_t*> Bf16(std::string_view name, const Shape& shape) const;

  /// The weight of linear `module` ("model.language_model.layers.0.mlp.up_proj"), whatever its
  /// format. What the file contains decides: U8 weight with scales is NVFP4. Both layouts come out
  /// with global_scale and input_scale as multipliers (compressed-tensors stores reciprocals).
  /// Scales must be finite and positive and block scales free of NaN: kInvalidData names the tensor
  /// and the first bad element.
  Result<Weight> Linear(std::string_view module, int64_t rows, int64_t cols) const;

  /// Tells the system that the pages behind a tensor are not needed again soon.
  void Release(const TensorInfo& tensor) const;

 private:
  std::filesystem::path folder_;
  ModelConfig config_;
  GenerationConfig generation_;
  ProcessorConfig processor_;
  std::optional<QuantConfig> quantization_;
  WeightFormat format_ = WeightFormat::kBf16;
  std::vector<MappedFile> shards_;
  std::vector<std::string> shard_names_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::string> warnings_;
};

}  // namespace facet
