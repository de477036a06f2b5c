// Unwrapping Result<T> in tests with the error's message in the failure.
#pragma once

#include <utility>

#include <gtest/gtest.h>

#include "base/result.h"

namespace facet::testing {

/// The value of a result, or an exception with the error's message, which fails the running test.
template <typename T>
T Value(Result<T> result) {
  if (!result) throw std::runtime_error("unexpected error: " + result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// The error of a result, or an exception if it has a value.
template <typename T>
Error ErrorOf(const Result<T>& result) {
  if (result) throw std::runtime_error("expected an error, got a value");
  return result.error();
}

}  // namespace facet::testing
