// Python's string formatting: the % operator, and str.format in its simple forms.
#pragma once

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

/// format % arguments: %s %r %d %i %u %f %e %g %x %X %o %c %%, with flags, width, precision and
/// (names).
Result<Value> PercentFormat(Runtime& runtime, const Text& format, const Value& arguments);

/// format.format(…): {}, {0}, {name}, {{ and }}. Format specifications are kUnsupported.
Result<Value> BraceFormat(Runtime& runtime, const Text& format, const Arguments& arguments);

}  // namespace facet::jinja
