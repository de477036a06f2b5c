// A device that stopped working in the middle of a step: thrown by kernels/cuda only, caught where
// a request or the program ends.
#pragma once

#include <stdexcept>

namespace facet {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace facet
