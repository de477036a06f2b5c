#include "checkpoint/linear_parts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/bf16.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

tl::unexpected<Error> Missing(std::string_view module, std::string_view suffix) {
  return Fail(ErrorCode::kInvalidData, "tensor {}{} is missing", module, suffix);
}

Result<float> ReadScalar(const TensorInfo& tensor) {
  if (tensor.shape.rank() > 1 || tensor.shape.elements() != 1) {
    return Fail(ErrorCode::kInvalidData, "{}: shape {}, expected a single number", tensor.name,
                tensor.shape.ToString());
  }
  if (tensor.dtype == DType::kF32) {
    float value = 0;
    std::memcpy(&value, tensor.bytes.data(), sizeof(value));
    return value;
  }
  if (tensor.dtype == DType::kBF16) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data(), sizeof(bits));
    return FloatFromBf16(bits);
  }
  return Fail(ErrorCode::kInvalidData, "{}: {}, expected F32", tensor.name, NameOf(tensor.dtype));
}

}  // namespace

Result<LinearParts> FindLinear(const Checkpoint& checkpoint, std::string_view module) {
  const auto find = [&](std::string_view suffix) {
    return checkpoint.Find(fmt::format("{}{}", module, suffix));
  };
  LinearParts parts;
  const TensorInfo* plain = find(".weight");
  const TensorInfo* packed = find(".weight_packed");
  if (plain == nullptr && packed == nullptr) return Missing(module, ".weight");
  if (plain != nullptr && packed != nullptr) {
    return Fail(ErrorCode::kInvalidData, "both {} and {} are there", plain->name, packed->name);
  }
  if (plain != nullptr && plain->dtype != DType::kU8) {
    parts.weight = plain;
    return parts;
  }
  const bool compressed = packed != nullptr;
  parts.format = compressed ? WeightFormat::kNvfp4CompressedTensors : WeightFormat::kNvfp4Modelopt;
  parts.meaning = compressed ? ScaleMeaning::kDivisor : ScaleMeaning::kMultiplier;
  parts.codes = compressed ? packed : plain;
  parts.block_scales = find(".weight_scale");
  parts.global_scale = find(compressed ? ".weight_global_scale" : ".weight_scale_2");
  parts.input_scale = find(compressed ? ".input_global_scale" : ".input_scale");
  parts.smoothing = find(".pre_quant_scale");
  return parts;
}

Result<float> ReadScale(const TensorInfo& tensor, ScaleMeaning meaning) {
  FACET_TRY(const float stored, ReadScalar(tensor));
  const float scale = meaning == ScaleMeaning::kDivisor ? 1.0f / stored : stored;
  if (!std::isfinite(stored) || !std::isfinite(scale) || !(scale > 0)) {
    return Fail(ErrorCode::kInvalidData, "{}: scale {} is not finite and positive", tensor.name,
                stored);
  }
  return scale;
}

Result<void> CheckTensor(const TensorInfo& tensor, DType dtype, const Shape& shape) {
  if (tensor.dtype != dtype || tensor.shape != shape) {
    return Fail(ErrorCode::kInvalidData,
                "{}: {} {} in the file, but the configuration asks for {} {}", tensor.name,
                NameOf(tensor.dtype), tensor.shape.ToString(), NameOf(dtype), shape.ToString());
  }
  const auto address = reinterpret_cast<uintptr_t>(tensor.bytes.data());
  if (address % static_cast<uintptr_t>(SizeOf(dtype)) != 0) {
    return Fail(ErrorCode::kUnsupported, "{}: its {} values are not aligned in the file",
                tensor.name, NameOf(dtype));
  }
  return {};
}

Result<void> CheckParts(const LinearParts& parts, std::string_view module, const Shape& shape) {
  if (!parts.quantized()) return CheckTensor(*parts.weight, DType::kBF16, shape);
  const int64_t rows = shape[0];
  const int64_t cols = shape[1];
  if (cols % kNvfp4Block != 0) {
    return Fail(ErrorCode::kInvalidData, "{}: {} columns cannot be NVFP4, not a multiple of {}",
                module, cols, kNvfp4Block);
  }
  FACET_RETURN_IF_ERROR(CheckTensor(*parts.codes, DType::kU8, {rows, cols / 2}));
  if (parts.block_scales == nullptr) return Missing(module, ".weight_scale");
  FACET_RETURN_IF_ERROR(
      CheckTensor(*parts.block_scales, DType::kF8E4M3, {rows, cols / kNvfp4Block}));
  if (parts.global_scale == nullptr) {
    return Missing(module, parts.meaning == ScaleMeaning::kDivisor ? ".weight_global_scale"
                                                                   : ".weight_scale_2");
  }
  if (parts.smoothing != nullptr) {
    return Fail(ErrorCode::kUnsupported, "{}: facet does not read smoothed weights",
                parts.smoothing->name);
  }
  return {};
}

BlockScaleFaults ScanBlockScales(std::span<const std::byte> scales) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(scales.data());
  const auto count = static_cast<int64_t>(scales.size());
  constexpr int64_t kChunk = 4096;  // the maximum of a chunk is a few vector instructions
  BlockScaleFaults faults;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, count);
    if (*std::max_element(bytes + begin, bytes + end) < kE4m3Nan) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (bytes[i] < kE4m3Nan) continue;
      if (faults.first < 0) faults.first = i;
      ++(IsE4m3Nan(bytes[i]) ? faults.nan : faults.negative);
    }
  }
  return faults;
}

}  // namespace facet
