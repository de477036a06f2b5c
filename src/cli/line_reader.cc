#include "cli/line_reader.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

namespace facet::cli {
namespace {

constexpr int kHistoryLines = 1000;

bool StripNewline(std::string& line) {
  if (line.empty() || line.back() != '\n') return false;
  line.pop_back();
  return true;
}

/// Standard input as it comes: files and pipes.
class PipeReader : public LineReader {
  LineEnd ReadOne(bool, std::string& line) override {
    line.clear();
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, stdin) != nullptr) {
      line += buffer;
      if (StripNewline(line)) return LineEnd::kLine;
    }
    if (std::ferror(stdin) != 0 && errno == EINTR) {
      std::clearerr(stdin);
      return LineEnd::kInterrupted;
    }
    return line.empty() ? LineEnd::kEnd : LineEnd::kLine;
  }
};

/// libedit, with the history in a file that only its owner can read: it holds what a person said.
class TerminalReader : public LineReader {
 public:
  explicit TerminalReader(const std::optional<std::filesystem::path>& history)
      : path_(history ? history->string() : ""),
        history_(::history_init()),
        editor_(::el_init("facet", stdin, stdout, stderr)) {
    HistEvent event;
    ::history(history_, &event, H_SETSIZE, kHistoryLines);
    ::history(history_, &event, H_SETUNIQUE, 1);
    if (!path_.empty()) ::history(history_, &event, H_LOAD, path_.c_str());
    ::el_set(editor_, EL_CLIENTDATA, this);
    ::el_set(editor_, EL_PROMPT, &TerminalReader::Prompt);
    ::el_set(editor_, EL_EDITOR, "emacs");
    ::el_set(editor_, EL_HIST, ::history, history_);
    ::el_source(editor_, nullptr);  // the user's ~/.editrc
  }
  ~TerminalReader() override {
    Save();
    ::el_end(editor_);
    ::history_end(history_);
  }
  TerminalReader(const TerminalReader&) = delete;
  TerminalReader& operator=(const TerminalReader&) = delete;

 private:
  static char* Prompt(EditLine* editor) {
    static char first_prompt[] = "> ";
    static char next_prompt[] = ". ";
    void* self = nullptr;
    ::el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<TerminalReader*>(self)->first_ ? first_prompt : next_prompt;
  }

  LineEnd ReadOne(bool first, std::string& line) override {
    first_ = first;
    int count = 0;
    errno = 0;
    const char* text = ::el_gets(editor_, &count);
    if (text == nullptr || count <= 0) {
      std::fputc('\n', stdout);
      if (errno != EINTR) return LineEnd::kEnd;
      ::el_reset(editor_);
      return LineEnd::kInterrupted;
    }
    line.assign(text, static_cast<size_t>(count));
    StripNewline(line);
    if (!line.empty()) {
      HistEvent event;
      ::history(history_, &event, H_ENTER, line.c_str());
    }
    return LineEnd::kLine;
  }

  void Save() {
    if (path_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    const mode_t before = ::umask(S_IRWXG | S_IRWXO);
    HistEvent event;
    ::history(history_, &event, H_SAVE, path_.c_str());
    ::umask(before);
  }

  std::string path_;
  History* history_;
  EditLine* editor_;
  bool first_ = true;
};

}  // namespace

LineEnd LineReader::Read(std::string& line) {
  line.clear();
  std::string part;
  for (bool first = true;; first = false) {
    const LineEnd end = ReadOne(first, part);
    if (end == LineEnd::kInterrupted || (end == LineEnd::kEnd && first)) return end;
    if (end == LineEnd::kEnd) return LineEnd::kLine;
    line += part;
    if (line.empty() || line.back() != '\\') return LineEnd::kLine;
    line.back() = '\n';
  }
}

std::unique_ptr<LineReader> MakeLineReader(const std::optional<std::filesystem::path>& history) {
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
    return std::make_unique<TerminalReader>(history);
  }
  return std::make_unique<PipeReader>();
}

std::optional<std::filesystem::path> DefaultHistoryPath() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "facet" / "history";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".local" / "state" / "facet" / "history";
  }
  return std::nullopt;
}

}  // namespace facet::cli
