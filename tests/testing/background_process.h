// A program that runs while a test watches it, for tests of signals and of memory.
#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace facet::testing {

class BackgroundProcess {
 public:
  /// Starts `command`, its output going to the file `out`, what it says beside thrown away.
  explicit BackgroundProcess(const std::vector<std::string>& command,
                             const std::filesystem::path& out = "/dev/null") {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      for (const int descriptor : {0, 2}) ::dup2(null, descriptor);
      ::dup2(file, 1);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
  }
  ~BackgroundProcess() {
    if (!Ended()) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
  }
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  void Signal(int signal) const { ::kill(pid_, signal); }

  bool Ended() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return ended_;
  }

  /// Exit code, or 128 + signal.
  int Wait() {
    if (!ended_) ::waitpid(pid_, &status_, 0);
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

  /// Waits until `done` says so or the process ends; tells which: true for the former.
  template <typename Done>
  bool WaitUntil(const Done& done) {
    while (!done()) {
      if (Ended()) return done();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  /// Whether it has a handler for `signal`.
  bool Catches(int signal) const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string word;
    while (status >> word) {
      if (word != "SigCgt:" || !(status >> word)) continue;
      return (std::stoull(word, nullptr, 16) >> (signal - 1) & 1) != 0;
    }
    return false;
  }

  /// Bytes of memory that are not pages of files, right now; 0 once it has ended.
  int64_t AnonymousBytes() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string word;
    int64_t kilobytes = 0;
    while (status >> word) {
      if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
  }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace facet::testing
