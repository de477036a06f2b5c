// What every command of the program shares: how it registers itself, how it reports, what its exit
// codes mean. One file per command beside this one; main.cc holds the table of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/progress.h"
#include "base/result.h"

namespace facet::cli {

/// Exit codes of the program, kept from version 0.1 on (docs/operations.md lists them for users).
enum ExitCode : int {
  kExitOk = 0,
  kExitFindings =
      1,  ///< the command worked and its answer is "no": verify found errors, a comparison failed
  kExitUsage = 2,        ///< unknown option, missing argument, impossible value
  kExitNotFound = 3,     ///< a named file or folder does not exist
  kExitIo = 4,           ///< the system refused: permission, full disk, read error
  kExitInvalidData = 5,  ///< a file is malformed, truncated or contradicts itself
  kExitUnsupported = 6,  ///< well-formed, but nothing facet can do
  kExitResource = 7,     ///< a limit or the machine's memory would be exceeded
  kExitCancelled = 130,  ///< stopped by Ctrl-C
};

/// The exit code for an error's kind: the one table.
ExitCode ExitCodeOf(ErrorCode code);

/// The work of the command that the user chose; returns an exit code.
using Action = std::function<Result<int>()>;

/// Adds one subcommand to `app`. When the user chose it, parsing sets `action`.
using RegisterFn = void (*)(CLI::App& app, Action& action);

void RegisterInspect(CLI::App& app, Action& action);
void RegisterVerify(CLI::App& app, Action& action);
void RegisterQuantize(CLI::App& app, Action& action);
void RegisterDequantize(CLI::App& app, Action& action);
void RegisterSynth(CLI::App& app, Action& action);
void RegisterRun(CLI::App& app, Action& action);
void RegisterChat(CLI::App& app, Action& action);
void RegisterTokenize(CLI::App& app, Action& action);
void RegisterEval(CLI::App& app, Action& action);
void RegisterBench(CLI::App& app, Action& action);

/// Prints progress to stderr: one line that renews itself on a terminal, a line every ten seconds
/// elsewhere, nothing in the first two seconds; with rate and time left.
ProgressFn TerminalProgress();

}  // namespace facet::cli
