// Running a program in tests, as a user would: arguments, stdin, a time limit; exit code and both
// outputs.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace facet::testing {

struct ProcessOptions {
  /// Bytes for stdin, which is closed after them.
  std::string input = {};
  std::chrono::seconds timeout{120};
  /// Added to this process's own.
  std::vector<std::pair<std::string, std::string>> environment = {};
  /// Working folder; empty for this process's own.
  std::string folder = {};
};

struct ProcessResult {
  int exit_code = -1;  ///< as a shell reports it: 128 + signal for a killed program
  bool timed_out = false;
  std::string out;
  std::string err;
};

namespace internal {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    Close(read_end);
    Close(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  static void Close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
};

[[noreturn]] inline void RunChild(const std::vector<std::string>& command,
                                  const ProcessOptions& options, const Pipe& in, const Pipe& out,
                                  const Pipe& err) {
  ::dup2(in.read_end, STDIN_FILENO);
  ::dup2(out.write_end, STDOUT_FILENO);
  ::dup2(err.write_end, STDERR_FILENO);
  ::signal(SIGPIPE, SIG_DFL);
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  if (options.folder.empty() || ::chdir(options.folder.c_str()) == 0) {
    ::execvp(arguments[0], arguments.data());
  }
  static_cast<void>(!::write(STDERR_FILENO, "cannot start\n", 13));
  ::_exit(127);
}

/// Appends what is readable; closes the descriptor at its end.
inline void Drain(int& descriptor, std::string& text) {
  char buffer[65536];
  const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
  if (count > 0) {
    text.append(buffer, static_cast<size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    Pipe::Close(descriptor);
  }
}

/// Writes what fits; closes the descriptor when all is written or the reader is gone.
inline void Feed(int& descriptor, std::string_view input, size_t& written) {
  const ssize_t count = ::write(descriptor, input.data() + written, input.size() - written);
  if (count > 0) written += static_cast<size_t>(count);
  const bool failed = count < 0 && errno != EAGAIN && errno != EINTR;
  if (failed || written == input.size()) Pipe::Close(descriptor);
}

}  // namespace internal

/// Runs `command` (command[0] is the program) to its end. A program that exceeds the time limit is
/// killed.
inline ProcessResult RunProcess(const std::vector<std::string>& command,
                                const ProcessOptions& options = {}) {
  using internal::Pipe;
  using Clock = std::chrono::steady_clock;
  ::signal(SIGPIPE, SIG_IGN);  // a program that does not read its stdin must not end the tests
  Pipe in, out, err;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) internal::RunChild(command, options, in, out, err);
  Pipe::Close(in.read_end);
  Pipe::Close(out.write_end);
  Pipe::Close(err.write_end);
  ::fcntl(in.write_end, F_SETFL, O_NONBLOCK);

  ProcessResult result;
  size_t written = 0;
  if (options.input.empty()) Pipe::Close(in.write_end);
  const auto deadline = Clock::now() + options.timeout;
  while (out.read_end >= 0 || err.read_end >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      result.timed_out = true;
      ::kill(child, SIGKILL);
      break;
    }
    // poll() ignores negative descriptors, which is what a closed one is here.
    pollfd waits[] = {
        {out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}};
    ::poll(waits, 3, static_cast<int>(left.count()));
    if (waits[0].revents != 0) internal::Drain(out.read_end, result.out);
    if (waits[1].revents != 0) internal::Drain(err.read_end, result.err);
    if (waits[2].revents != 0) internal::Feed(in.write_end, options.input, written);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

/// Runs the facet binary of this build: RunFacet({"tokenize", "models/tiny", "Hello"}).
inline ProcessResult RunFacet(const std::vector<std::string>& arguments,
                              const ProcessOptions& options = {}) {
  std::vector<std::string> command = {FACET_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunProcess(command, options);
}

}  // namespace facet::testing
