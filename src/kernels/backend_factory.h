// A backend by its name.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "kernels/backend.h"

namespace facet {

/// "ref", "cpu", "cuda" or "cuda:N" for card N; "auto" is the first card that facet has code for,
/// or else the processor. `threads` of 0 means every processor this process may use; ref uses one.
/// kUsage for an unknown name (the message lists the names), kUnsupported for a processor or card
/// that facet cannot use, or a build without CUDA.
Result<std::unique_ptr<Backend>> MakeBackend(std::string_view name, int threads = 0);

}  // namespace facet
