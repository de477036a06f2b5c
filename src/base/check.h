// FACET_CHECK: broken invariants, that is bugs. Never for bad input: input must not be able to
// reach one.
#pragma once

namespace facet {

/// Prints the failed condition with its place to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace facet

#define FACET_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::facet::CheckFailed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define FACET_DCHECK(condition) static_cast<void>(0)
#else
#define FACET_DCHECK(condition) FACET_CHECK(condition)
#endif
