#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace facet {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "facet: internal error: %s does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace facet
