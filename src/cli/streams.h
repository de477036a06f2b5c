// Standard input as a whole, standard output piece by piece.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace facet::cli {

/// All of standard input, byte for byte. kResource above 64 MiB, kIo if it cannot be read.
Result<std::string> ReadStandardInput();

/// `argument` itself, or all of standard input where it is "-".
Result<std::string> TextOrStandardInput(const std::string& argument);

/// Writes text and flushes it, so that a reader sees it now. False if the reader is gone or the
/// disk is full; errno says which. SIGPIPE must be ignored (IgnoreBrokenPipes).
bool WriteNow(std::string_view text);

/// Makes writing to a reader that is gone an error instead of the end of the program.
void IgnoreBrokenPipes();

/// The error for a failed WriteNow().
Error OutputError();

}  // namespace facet::cli
