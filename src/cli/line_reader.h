// Lines from a person: with editing and history on a terminal, as they come from a pipe.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace facet::cli {

/// What reading a line came to.
enum class LineEnd {
  kLine,         ///< there is one
  kEnd,          ///< end of input: Ctrl-D, or the pipe is empty
  kInterrupted,  ///< Ctrl-C: what was typed is gone
};

class LineReader {
 public:
  virtual ~LineReader() = default;

  /// Reads one line, without its newline. A line that ends in a backslash goes on in the next one,
  /// with a line break in between.
  LineEnd Read(std::string& line);

 private:
  /// One line as typed. `first`: not the continuation of another.
  virtual LineEnd ReadOne(bool first, std::string& line) = 0;
};

/// Editing with libedit if standard input and output are terminals, plain reading otherwise.
/// `history`: file that keeps lines from one run to the next; absent: none is kept. Its folder is
/// made; a file that cannot be read or written is as good as none.
std::unique_ptr<LineReader> MakeLineReader(const std::optional<std::filesystem::path>& history);

/// $XDG_STATE_HOME/facet/history, or ~/.local/state/facet/history; nothing without a home.
std::optional<std::filesystem::path> DefaultHistoryPath();

}  // namespace facet::cli
