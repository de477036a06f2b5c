#include "cli/streams.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace facet::cli {
namespace {

/// A book has about 1 MB; the limit keeps a wrong pipe from filling the memory.
constexpr size_t kMaxInputBytes = size_t{64} << 20;

}  // namespace

Result<std::string> ReadStandardInput() {
  std::string text;
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, count);
    if (text.size() > kMaxInputBytes) {
      return Fail(ErrorCode::kResource, "more than {} bytes on standard input", kMaxInputBytes);
    }
  }
  if (std::ferror(stdin) != 0) return Fail(ErrorCode::kIo, "cannot read standard input");
  return text;
}

Result<std::string> TextOrStandardInput(const std::string& argument) {
  if (argument == "-") return ReadStandardInput();
  return argument;
}

bool WriteNow(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

void IgnoreBrokenPipes() { std::signal(SIGPIPE, SIG_IGN); }

Error OutputError() {
  return {ErrorCode::kIo, fmt::format("cannot write to standard output: {}", std::strerror(errno))};
}

}  // namespace facet::cli
