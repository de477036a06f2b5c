// Numbers as Python prints them: chat templates were written for a Python engine.
#pragma once

#include <string>

namespace facet {

/// A double as Python's repr(): the shortest digits that read back; "1.0", "1e-05", "1e+16", "inf",
/// "nan".
std::string PythonFloat(double value);

}  // namespace facet
