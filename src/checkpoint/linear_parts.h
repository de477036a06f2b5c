// The tensors that make up one linear, in whichever of the three formats a file has it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace facet {

/// What a scale's value in the file means: modelopt stores multipliers, compressed-tensors
/// divisors.
enum class ScaleMeaning { kMultiplier, kDivisor };

/// Pointers into a checkpoint; nullptr for what the file does not have. A linear is quantized if
/// its codes are there.
struct LinearParts {
  WeightFormat format = WeightFormat::kBf16;
  ScaleMeaning meaning = ScaleMeaning::kMultiplier;
  const TensorInfo* weight = nullptr;        ///< BF16
  const TensorInfo* codes = nullptr;         ///< U8 [rows, cols / 2]
  const TensorInfo* block_scales = nullptr;  ///< F8_E4M3 [rows, cols / 16]
  const TensorInfo* global_scale = nullptr;  ///< F32 [] or [1]
  const TensorInfo* input_scale = nullptr;   ///< F32 [] or [1]
  const TensorInfo* smoothing = nullptr;     ///< pre_quant_scale, which facet does not read

  bool quantized() const { return codes != nullptr; }
};

/// What the file contains decides: U8 weight, or weight_packed, is NVFP4. kInvalidData if there is
/// no weight, or one of each layout.
Result<LinearParts> FindLinear(const Checkpoint& checkpoint, std::string_view module);

/// A scale as a multiplier. kInvalidData unless it is one number, F32 or (old exports) BF16, and
/// finite and positive.
Result<float> ReadScale(const TensorInfo& tensor, ScaleMeaning meaning);

/// kInvalidData unless the tensor has this dtype and shape; both are in the message.
Result<void> CheckTensor(const TensorInfo& tensor, DType dtype, const Shape& shape);

/// Dtypes and shapes of all parts for a linear of `shape` [rows, cols], and that none is missing
/// but the input scale. Contents are not read.
Result<void> CheckParts(const LinearParts& parts, std::string_view module, const Shape& shape);

/// What is wrong with a matrix of block scales.
struct BlockScaleFaults {
  int64_t nan = 0;
  int64_t negative = 0;
  int64_t first = -1;  ///< index of the first faulty one
};

/// Block scales are 0 to 448: neither NaN nor a sign, which readers treat differently.
BlockScaleFaults ScanBlockScales(std::span<const std::byte> scales);

}  // namespace facet
