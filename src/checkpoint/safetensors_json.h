// The JSON header of a safetensors file, read without building a tree and written with stable
// bytes. Internal to safetensors.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/safetensors.h"

namespace facet {

/// Fills `header.tensors` (in the order of the text) and `header.metadata`. Checks each entry's
/// dtype, shape and range against each other, but not the entries against the file.
Result<void> ParseSafetensorsJson(std::string_view text, SafetensorsHeader& header);

/// The header for tensors laid out in the given order.
std::string SafetensorsJson(std::span<const SafetensorsTensor> tensors);

}  // namespace facet
