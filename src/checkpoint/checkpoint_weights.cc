// The typed views of a checkpoint's tensors: BF16 tables, and linears in any of the three formats.
#include "checkpoint/checkpoint.h"
#include "checkpoint/linear_parts.h"

namespace facet {
namespace {

Result<void> CheckBlockScales(const TensorInfo& tensor) {
  const BlockScaleFaults faults = ScanBlockScales(tensor.bytes);
  if (faults.first < 0) return {};
  const int64_t cols = tensor.shape[1];
  return Fail(ErrorCode::kInvalidData,
              "{}: block scale [{},{}] is byte {:#04x}, which is not a positive number ({} such)",
              tensor.name, faults.first / cols, faults.first % cols,
              static_cast<int>(tensor.bytes[static_cast<size_t>(faults.first)]),
              faults.nan + faults.negative);
}

}  // namespace

Result<const uint16_t*> Checkpoint::Bf16(std::string_view name, const Shape& shape) const {
  const TensorInfo* tensor = Find(name);
  if (tensor == nullptr) return Fail(ErrorCode::kInvalidData, "tensor {} is missing", name);
  FACET_RETURN_IF_ERROR(CheckTensor(*tensor, DType::kBF16, shape));
  return reinterpret_cast<const uint16_t*>(tensor->bytes.data());
}

Result<Weight> Checkpoint::Linear(std::string_view module, int64_t rows, int64_t cols) const {
  FACET_TRY(const LinearParts parts, FindLinear(*this, module));
  FACET_RETURN_IF_ERROR(CheckParts(parts, module, {rows, cols}));
  if (!parts.quantized()) {
    return Weight(
        Bf16Matrix{.rows = rows,
                   .cols = cols,
                   .data = reinterpret_cast<const uint16_t*>(parts.weight->bytes.data())});
  }
  Nvfp4Matrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.codes = reinterpret_cast<const uint8_t*>(parts.codes->bytes.data());
  matrix.block_scales = reinterpret_cast<const uint8_t*>(parts.block_scales->bytes.data());
  FACET_TRY(matrix.global_scale, ReadScale(*parts.global_scale, parts.meaning));
  if (parts.input_scale != nullptr) {
    FACET_TRY(matrix.input_scale, ReadScale(*parts.input_scale, parts.meaning));
  }
  FACET_RETURN_IF_ERROR(CheckBlockScales(*parts.block_scales));
  return Weight(matrix);
}

}  // namespace facet
