// The backends that whole models are tested on.
#pragma once

#include <string>
#include <vector>

#include "kernels/backend_factory.h"

namespace facet::testing {

/// ref, cpu, and cuda where this build and this machine have it.
inline std::vector<std::string> BackendNames() {
  std::vector<std::string> names = {"ref", "cpu"};
  if (MakeBackend("cuda")) names.emplace_back("cuda");
  return names;
}

}  // namespace facet::testing
