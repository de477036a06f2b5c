// The program: a table of commands, exit codes, and the last-resort error handler.
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

#include "cli/command.h"
#include "kernels/device_error.h"

namespace facet::cli {
namespace {

constexpr const char* kVersion = "0.1.0";

/// Every command, in the order of the help text. A new command is a file beside this one and a line
/// here.
std::vector<RegisterFn> Commands() {
  return {
      // one a line
      RegisterQuantize, RegisterDequantize, RegisterInspect, RegisterVerify,   RegisterRun,
      RegisterChat,     RegisterEval,       RegisterBench,   RegisterTokenize, RegisterSynth,
  };
}

constexpr const char* kFooter =
    "Examples:\n"
    "  facet quantize models/tiny /tmp/tiny-nvfp4 --calibration models/tiny/calibration.txt\n"
    "  facet verify /tmp/tiny-nvfp4 --reference models/tiny\n"
    "  facet run /tmp/tiny-nvfp4 'What is the capital of France?'\n\n"
    "Exit codes: 0 done, 1 the answer is no (verify found errors), 2 usage, 3 not found, 4 input "
    "or output failed,\n"
    "5 invalid data, 6 not supported, 7 a limit or memory is exceeded, 130 interrupted.";

int Report(const Error& error) {
  fmt::print(stderr, "facet: error: {}\n", error.message);
  return ExitCodeOf(error.code);
}

int Main(int argc, char** argv) {
  CLI::App app{"Gemma 4 12B Unified in NVFP4: quantize, verify, run and measure it."};
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer(kFooter);
  Action action;
  for (const RegisterFn add : Commands()) add(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const Result<int> result = action();
  return result ? *result : Report(result.error());
}

}  // namespace
}  // namespace facet::cli

int main(int argc, char** argv) {
  try {
    return facet::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    return facet::cli::Report({facet::ErrorCode::kResource, "out of memory"});
  } catch (const facet::DeviceError& error) {
    return facet::cli::Report({facet::ErrorCode::kIo, error.what()});
  } catch (const std::exception& error) {
    return facet::cli::Report({facet::ErrorCode::kInvalidData, error.what()});
  }
}
