#include "quant/nvfp4_unit.h"

#include <string>
#include <utility>
#include <vector>

#include "tensor/nvfp4.h"

namespace facet {
namespace {

/// The float scalars of a linear: [] as modelopt writes them.
Piece ScalarPiece(const TensorSpec& linear, const GroupScales& scales) {
  std::vector<std::pair<std::string, float>> values = {
      {linear.module + ".weight_scale_2", scales.global_scale}};
  if (scales.input_scale) values.emplace_back(linear.module + ".input_scale", *scales.input_scale);
  Piece piece;
  for (const auto& [name, value] : values) piece.tensors.push_back({name, DType::kF32, Shape{}});
  piece.write = [values](SafetensorsWriter& writer) -> Result<void> {
    for (const auto& [name, value] : values) {
      FACET_RETURN_IF_ERROR(writer.Append(name, std::as_bytes(std::span(&value, 1))));
    }
    return {};
  };
  return piece;
}

}  // namespace

Unit Nvfp4Unit(const TensorSpec& linear, const GroupScales& scales,
               std::function<Result<void>(SafetensorsWriter& writer)> write) {
  const int64_t rows = linear.shape[0];
  const int64_t cols = linear.shape[1];
  Piece matrix;
  matrix.tensors = {{linear.module + ".weight", DType::kU8, {rows, cols / 2}},
                    {linear.module + ".weight_scale", DType::kF8E4M3, {rows, cols / kNvfp4Block}}};
  matrix.write = std::move(write);
  return {.pieces = {ScalarPiece(linear, scales), std::move(matrix)}};
}

}  // namespace facet
