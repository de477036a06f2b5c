// A backend by its name.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "kernels/backend.h"

namespace facet {

/// "ref" or "cpu". `threads` of 0 means every processor this process may use; ref uses one. kUsage
/// for an unknown name (the message lists the names), kUnsupported for a processor that facet
/// cannot use.
Result<std::unique_ptr<Backend>> MakeBackend(std::string_view name, int threads = 0);

}  // namespace facet
