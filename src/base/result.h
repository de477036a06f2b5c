// Result<T>: a value or an Error, for failures that input can cause. Bugs use base/check.h instead.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>
#include <tl/expected.hpp>

namespace facet {

/// What kind of failure an Error is. cli/exit_code.h maps each kind to a process exit code.
enum class ErrorCode {
  kUsage,        ///< the caller asked for something that makes no sense (bad option, bad value)
  kNotFound,     ///< a named file, folder or tensor does not exist
  kIo,           ///< the system refused: permission, full disk, read error
  kInvalidData,  ///< a file or a request is malformed or contradicts itself
  kUnsupported,  ///< well-formed, but nothing facet can do
  kResource,     ///< a documented limit or the machine's memory would be exceeded
  kCancelled,    ///< the user or a signal stopped the work
};

/// A failure with a message for people: what was found, what was expected, where.
struct [[nodiscard]] Error {
  ErrorCode code;
  std::string message;

  /// The same error seen from one level up: "context: message".
  Error WithContext(std::string_view context) && {
    return {code, fmt::format("{}: {}", context, message)};
  }
};

template <typename T>
using Result = tl::expected<T, Error>;

/// Makes an error with a fmt-style message: `return Fail(ErrorCode::kIo, "cannot open {}", path);`
template <typename... Args>
tl::unexpected<Error> Fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// Passes on a failed result's error with context in front: `return Propagate(std::move(r), "shard
/// 2");`
template <typename T>
tl::unexpected<Error> Propagate(Result<T>&& result, std::string_view context) {
  return tl::unexpected<Error>(std::move(result.error()).WithContext(context));
}

}  // namespace facet

#define FACET_CONCAT_INNER(a, b) a##b
#define FACET_CONCAT(a, b) FACET_CONCAT_INNER(a, b)

/// FACET_TRY(auto x, F()): x is F()'s value, or the function returns F()'s error.
#define FACET_TRY(declaration, expression)                         \
  auto FACET_CONCAT(facet_result_, __LINE__) = (expression);       \
  if (!FACET_CONCAT(facet_result_, __LINE__)) {                    \
    return tl::unexpected<::facet::Error>(                         \
        std::move(FACET_CONCAT(facet_result_, __LINE__)).error()); \
  }                                                                \
  declaration = *std::move(FACET_CONCAT(facet_result_, __LINE__))

/// FACET_RETURN_IF_ERROR(F()): returns F()'s error if it has one; for Result<void>.
#define FACET_RETURN_IF_ERROR(expression)                                     \
  do {                                                                        \
    if (auto facet_status = (expression); !facet_status) {                    \
      return tl::unexpected<::facet::Error>(std::move(facet_status).error()); \
    }                                                                         \
  } while (false)
