// Progress of long work, reported through a callback so that no module below the commands prints.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace facet {

/// Called now and then, from the thread that does the work, with the work done so far and in all,
/// in `unit`s ("tokens", "tensors"). done == total at the end of a stage.
using ProgressFn =
    std::function<void(std::string_view stage, int64_t done, int64_t total, std::string_view unit)>;

}  // namespace facet
