// The typed views of a checkpoint's tensors: BF16 tables, and linears in any of the three formats.
#include <cmath>
#include <cstring>

#include "checkpoint/checkpoint.h"
#include "tensor/bf16.h"
#include "tensor/e4m3.h"

namespace facet {
namespace {

tl::unexpected<Error> Missing(std::string_view name) {
  return Fail(ErrorCode::kInvalidData, "tensor {} is missing", name);
}

Result<void> CheckTensor(const TensorInfo& tensor, DType dtype, const Shape& shape) {
  if (tensor.dtype != dtype || tensor.shape != shape) {
    return Fail(ErrorCode::kInvalidData,
                "{}: {} {} in the file, but the configuration asks for {} {}", tensor.name,
                NameOf(tensor.dtype), tensor.shape.ToString(), NameOf(dtype), shape.ToString());
  }
  const auto address = reinterpret_cast<uintptr_t>(tensor.bytes.data());
  if (address % static_cast<uintptr_t>(SizeOf(dtype)) != 0) {
    return Fail(ErrorCode::kUnsupported, "{}: its {} values start at an odd address in the file",
                tensor.name, NameOf(dtype));
  }
  return {};
}

/// A scalar of shape [] or [1], F32 or (in old exports) BF16.
Result<float> Scalar(const TensorInfo& tensor) {
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

/// What a scale's file value means.
enum class ScaleMeaning { kMultiplier, kDivisor };

Result<float> Scale(const TensorInfo& tensor, ScaleMeaning meaning) {
  FACET_TRY(const float stored, Scalar(tensor));
  const float scale = meaning == ScaleMeaning::kDivisor ? 1.0f / stored : stored;
  if (!std::isfinite(stored) || !std::isfinite(scale) || !(scale > 0)) {
    return Fail(ErrorCode::kInvalidData, "{}: scale {} is not finite and positive", tensor.name,
                stored);
  }
  return scale;
}

/// Block scales are 0 to 448: neither NaN nor a sign, which readers treat differently.
Result<void> CheckBlockScales(const TensorInfo& tensor) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor.bytes.data());
  const int64_t count = tensor.shape.elements();
  constexpr int64_t kChunk = 4096;  // a chunk without branches is a few vector instructions
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, count);
    uint8_t largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, bytes[i]);
    if (largest < kE4m3Nan) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (bytes[i] < kE4m3Nan) continue;
      return Fail(ErrorCode::kInvalidData, "{}: block scale [{},{}] is byte {:#04x}, {}",
                  tensor.name, i / tensor.shape[1], i % tensor.shape[1], bytes[i],
                  IsE4m3Nan(bytes[i]) ? "not a number" : "negative");
    }
  }
  return {};
}

/// The tensors of a quantized linear in one of the two layouts.
struct LayoutNames {
  std::string_view codes;
  std::string_view global_scale;
  std::string_view input_scale;
  ScaleMeaning meaning;
};

constexpr LayoutNames kModeloptNames{".weight", ".weight_scale_2", ".input_scale",
                                     ScaleMeaning::kMultiplier};
constexpr LayoutNames kCompressedNames{".weight_packed", ".weight_global_scale",
                                       ".input_global_scale", ScaleMeaning::kDivisor};

Result<Weight> Nvfp4Linear(const Checkpoint& checkpoint, std::string_view module, Shape shape,
                           const LayoutNames& names) {
  const auto find = [&](std::string_view suffix) {
    return checkpoint.Find(fmt::format("{}{}", module, suffix));
  };
  const int64_t rows = shape[0];
  const int64_t cols = shape[1];
  if (cols % kNvfp4Block != 0) {
    return Fail(ErrorCode::kInvalidData, "{}: {} columns cannot be NVFP4, not a multiple of {}",
                module, cols, kNvfp4Block);
  }
  const TensorInfo* codes = find(names.codes);
  FACET_RETURN_IF_ERROR(CheckTensor(*codes, DType::kU8, {rows, cols / 2}));
  const TensorInfo* blocks = find(".weight_scale");
  if (blocks == nullptr) return Missing(fmt::format("{}.weight_scale", module));
  FACET_RETURN_IF_ERROR(CheckTensor(*blocks, DType::kF8E4M3, {rows, cols / kNvfp4Block}));
  const TensorInfo* global = find(names.global_scale);
  if (global == nullptr) return Missing(fmt::format("{}{}", module, names.global_scale));
  if (const TensorInfo* smoothing = find(".pre_quant_scale"); smoothing != nullptr) {
    return Fail(ErrorCode::kUnsupported, "{}: facet does not read smoothed weights",
                smoothing->name);
  }
  Nvfp4Matrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.codes = reinterpret_cast<const uint8_t*>(codes->bytes.data());
  matrix.block_scales = reinterpret_cast<const uint8_t*>(blocks->bytes.data());
  FACET_TRY(matrix.global_scale, Scale(*global, names.meaning));
  if (const TensorInfo* input = find(names.input_scale); input != nullptr) {
    FACET_TRY(matrix.input_scale, Scale(*input, names.meaning));
  }
  FACET_RETURN_IF_ERROR(CheckBlockScales(*blocks));
  return Weight(matrix);
}

}  // namespace

Result<const uint16_t*> Checkpoint::Bf16(std::string_view name, const Shape& shape) const {
  const TensorInfo* tensor = Find(name);
  if (tensor == nullptr) return Missing(name);
  FACET_RETURN_IF_ERROR(CheckTensor(*tensor, DType::kBF16, shape));
  return reinterpret_cast<const uint16_t*>(tensor->bytes.data());
}

Result<Weight> Checkpoint::Linear(std::string_view module, int64_t rows, int64_t cols) const {
  const std::string name = fmt::format("{}.weight", module);
  const TensorInfo* plain = Find(name);
  const TensorInfo* packed = Find(fmt::format("{}.weight_packed", module));
  if (plain != nullptr && packed != nullptr) {
    return Fail(ErrorCode::kInvalidData, "both {} and {} are there", plain->name, packed->name);
  }
  const Shape shape{rows, cols};
  if (packed != nullptr) return Nvfp4Linear(*this, module, shape, kCompressedNames);
  if (plain == nullptr) return Missing(name);
  if (plain->dtype == DType::kU8) return Nvfp4Linear(*this, module, shape, kModeloptNames);
  FACET_TRY(const uint16_t* data, Bf16(name, shape));
  return Weight(Bf16Matrix{.rows = rows, .cols = cols, .data = data});
}

}  // namespace facet
