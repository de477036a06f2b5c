#include <climits>

#include "kernels/cuda/sm90/linear_call.h"

namespace facet::cuda::sm90 {
namespace {

constexpr int64_t kMaxSize = INT_MAX / 2;  // of rows, columns and tokens

bool ValidInput(const LinearInput& x, int64_t col_multiple) {
  return x.data != nullptr && x.tokens > 0 && x.tokens <= kMaxSize && x.cols > 0 &&
         x.cols <= kMaxSize && x.cols % col_multiple == 0 && x.stride >= x.cols &&
         x.stride % 8 == 0;
}

bool ValidPart(const LinearPart& part) {
  return part.rows > 0 && part.rows <= kMaxSize / kMaxLinearParts && part.out_stride >= part.rows &&
         part.out != nullptr;
}

PartArgs NoPart() { return {0, INT_MAX, 0, 0, nullptr}; }

PartArgs MakePart(const LinearPart& part, float unit, int64_t first) {
  return {part.alpha * unit, static_cast<int>(first), static_cast<int>(part.rows), part.out_stride,
          part.out};
}

}  // namespace

bool MakeCall(const LinearNvfp4Desc& desc, LinearCall* call) {
  if (!ValidInput(desc.x, 16) || desc.packed == nullptr) return false;
  if (desc.part_count < 1 || desc.part_count > kMaxLinearParts) return false;
  *call = {desc.x,       desc.packed, 0, {NoPart(), NoPart(), NoPart()}, desc.programmatic,
           desc.prefetch};
  for (int i = 0; i < desc.part_count; ++i) {
    const LinearPart& part = desc.parts[static_cast<size_t>(i)];
    if (!ValidPart(part)) return false;
    call->parts[static_cast<size_t>(i)] = MakePart(part, kPackUnit, call->rows);
    call->rows += PackedRowTiles(part.rows) * kPackRows;
  }
  return true;
}

bool MakeCall(const GateUpNvfp4Desc& desc, LinearCall* call) {
  const LinearPart part{desc.rows, desc.gate_alpha, desc.out, desc.out_stride};
  if (!ValidInput(desc.x, 16) || desc.packed == nullptr || !ValidPart(part)) return false;
  *call = {desc.x,
           desc.packed,
           (desc.rows + 7) / 8 * kPackRows,
           {MakePart(part, kPackUnit, 0), NoPart(), NoPart()},
           desc.programmatic,
           desc.prefetch};
  call->parts[1].alpha = desc.up_alpha * kPackUnit;
  return true;
}

bool MakeCall(const LinearBf16Desc& desc, LinearCall* call) {
  if (!ValidInput(desc.x, 8) || desc.weight == nullptr || !ValidPart(desc.part)) return false;
  *call = {desc.x,
           desc.weight,
           desc.part.rows,
           {MakePart(desc.part, 1.0f, 0), NoPart(), NoPart()},
           desc.programmatic,
           desc.prefetch};
  return true;
}

}  // namespace facet::cuda::sm90
