#include "cli/interrupt.h"

#include <csignal>

#include "cli/command.h"

namespace facet::cli {
namespace {

// A signal handler reaches nothing but globals; this is the program's only one.
std::atomic<bool> interrupt_seen{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler may store it");

constexpr int kSignals[] = {SIGINT, SIGTERM};

extern "C" void OnInterrupt(int) { interrupt_seen = true; }

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupt_seen = false;
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  // Back to the default after the first; system calls are interrupted, so that a blocked read ends.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  for (const int signal : kSignals) ::signal(signal, SIG_DFL);
}

const std::atomic<bool>& InterruptGuard::interrupted() const { return interrupt_seen; }

RunControl TerminalControl(const InterruptGuard& interrupt) {
  return {.progress = TerminalProgress(),
          .cancelled = [&interrupt] { return interrupt.interrupted().load(); }};
}

}  // namespace facet::cli
