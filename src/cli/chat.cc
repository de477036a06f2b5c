// facet chat: a conversation in the terminal.
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/line_reader.h"
#include "cli/session_flags.h"
#include "cli/streams.h"
#include "text/utf8.h"

namespace facet::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  SessionFlags session;
  GenerationFlags generation;
  std::string system;
  bool think = false;
  bool no_history = false;
  bool statistics = false;
};

constexpr const char* kHelp =
    "/image FILE      show a picture with the next message (PNG, JPEG, WebP)\n"
    "/audio FILE      play a sound with the next message (WAV, FLAC, MP3, Ogg)\n"
    "/system TEXT     set the system message; without TEXT, remove it\n"
    "/think on|off    let the model think before it answers, or not\n"
    "/save FILE       write the conversation as JSON\n"
    "/reset           forget the conversation; the system message stays\n"
    "/help            this list\n"
    "/quit            leave, as Ctrl-D does\n"
    "A line that ends in a backslash goes on in the next. Ctrl-C stops an answer.\n";

constexpr const char* kFooter =
    "Inside: /image FILE, /audio FILE, /system TEXT, /think on|off, /save FILE, /reset, /help, "
    "/quit. Ctrl-C stops an\n"
    "answer, Ctrl-D leaves. With piped input every line is a message, and there is no prompt.\n"
    "History of the lines typed: $XDG_STATE_HOME/facet/history, or "
    "~/.local/state/facet/history.\n\n"
    "Examples:\n"
    "  facet chat models/tiny\n"
    "  facet chat models/tiny --system 'Answer in one word.' --temperature 0\n"
    "  printf 'Hello!\\nWhat is 7 plus 5?\\n' | facet chat models/tiny --no-history";

/// The conversation and everything that a line can do to it.
class Chat {
 public:
  Chat(const Session& session, const Options& options, GenerationParams params)
      : session_(session),
        params_(std::move(params)),
        generator_(session.model(),
                   {.activations = session.activations(), .context = options.generation.context}),
        system_(options.system),
        statistics_(options.statistics) {
    conversation_.enable_thinking = options.think;
  }

  /// Takes a line: a command or a message. False to leave.
  Result<bool> Take(const std::string& line) {
    if (line.empty()) return true;
    if (line.front() != '/') {
      FACET_RETURN_IF_ERROR(Say(line));
      return true;
    }
    const size_t space = std::min(line.find(' '), line.size());
    const std::string word = line.substr(0, space);
    const std::string rest = space < line.size() ? line.substr(space + 1) : "";
    if (word == "/quit" || word == "/exit") return false;
    FACET_RETURN_IF_ERROR(Command(word, rest));
    return true;
  }

 private:
  Result<void> Command(const std::string& word, const std::string& rest) {
    if (word == "/image") return Attach("image", rest);
    if (word == "/audio") return Attach("audio", rest);
    if (word == "/think") return SetThinking(rest);
    if (word == "/save") return Save(rest);
    if (word == "/system") {
      system_ = rest;
    } else if (word == "/reset") {
      conversation_.messages.clear();
      transcript_.clear();
      DropAttachments();
    } else if (word == "/help") {
      fmt::print(stderr, "{}", kHelp);
    } else {
      return Fail(ErrorCode::kUsage, "unknown command {}; /help lists them", word);
    }
    return {};
  }

  Result<void> Attach(const std::string& kind, const std::string& path) {
    if (path.empty()) return Fail(ErrorCode::kUsage, "/{} needs a file", kind);
    FACET_TRY(Part part, kind == "image" ? session_.ReadImage(path) : session_.ReadAudio(path));
    attachments_.push_back(std::move(part));
    attachment_notes_.push_back({{"type", kind}, {"path", path}});
    return {};
  }

  Result<void> SetThinking(const std::string& value) {
    if (value != "on" && value != "off") return Fail(ErrorCode::kUsage, "/think on, or /think off");
    conversation_.enable_thinking = value == "on";
    return {};
  }

  Result<void> Save(const std::string& path) const {
    if (path.empty()) return Fail(ErrorCode::kUsage, "/save needs a file");
    ordered_json messages = ordered_json::array();
    if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
    for (const ordered_json& message : transcript_) messages.push_back(message);
    const ordered_json document = {{"model", session_.checkpoint().folder().string()},
                                   {"activations", NameOf(session_.activations())},
                                   {"messages", messages}};
    return WriteFile(path, JsonText(document) + "\n");
  }

  /// A message of the user, and its answer. A message that fails leaves the conversation as it was.
  Result<void> Say(const std::string& text) {
    if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidData, "the line is not valid UTF-8");
    std::vector<Part> parts = std::move(attachments_);
    ordered_json notes = std::move(attachment_notes_);
    DropAttachments();
    parts.push_back(TextPart{text});
    notes.push_back({{"type", "text"}, {"text", text}});
    conversation_.messages.push_back({.role = "user", .content = std::move(parts)});
    Result<Answer> answer = MakeAnswerNow();
    if (!answer) {
      conversation_.messages.pop_back();
      return tl::unexpected<Error>(std::move(answer).error());
    }
    transcript_.push_back({{"role", "user"}, {"content", std::move(notes)}});
    Remember(std::move(answer->reply), FinishReasonOf(*answer));
    return {};
  }

  Result<Answer> MakeAnswerNow() {
    Conversation conversation = conversation_;
    if (!system_.empty()) {
      conversation.messages.insert(conversation.messages.begin(),
                                   Message{.role = "system", .content = system_});
    }
    FACET_TRY(Prompt prompt, session_.prompts().Build(std::move(conversation)));
    const InterruptGuard interrupt;
    FACET_TRY(Answer answer, MakeAnswer(session_, generator_, std::move(prompt), params_, {},
                                        interrupt.interrupted()));
    if (statistics_) fmt::print(stderr, "facet: {}\n", Statistics(session_, answer));
    if (answer.generation.finish_reason == FinishReason::kLength) {
      fmt::print(stderr, "facet: the answer was cut at its limit\n");
    }
    return answer;
  }

  void Remember(Reply reply, const std::string& finish_reason) {
    ordered_json note = {{"role", "assistant"}, {"content", reply.answer}};
    if (!reply.reasoning.empty()) note["reasoning"] = reply.reasoning;
    for (const ToolCall& call : reply.tool_calls) {
      note["tool_calls"].push_back({{"name", call.name}, {"arguments", call.arguments}});
    }
    note["finish_reason"] = finish_reason;
    transcript_.push_back(std::move(note));
    conversation_.messages.push_back({.role = "assistant",
                                      .content = std::move(reply.answer),
                                      .reasoning = std::move(reply.reasoning),
                                      .tool_calls = std::move(reply.tool_calls)});
  }

  void DropAttachments() {
    attachments_.clear();
    attachment_notes_ = ordered_json::array();
  }

  const Session& session_;
  GenerationParams params_;
  Generator generator_;
  Conversation conversation_;  // without the system message
  std::string system_;
  bool statistics_;
  std::vector<Part> attachments_;  // for the next message
  ordered_json attachment_notes_ = ordered_json::array();
  std::vector<ordered_json> transcript_;  // the messages as /save writes them
};

/// The next line, with Ctrl-C looked after.
LineEnd ReadLine(LineReader& reader, std::string& line) {
  const InterruptGuard interrupt;
  return reader.Read(line);
}

Result<int> Run(const Options& options) {
  FACET_TRY(const auto session, options.session.Open(options.generation.context));
  FACET_TRY(GenerationParams params, options.generation.Params(session->checkpoint().generation()));
  IgnoreBrokenPipes();
  const auto reader = MakeLineReader(options.no_history ? std::nullopt : DefaultHistoryPath());
  if (::isatty(STDIN_FILENO) == 1) {
    fmt::print(stderr, "{}: activations {}, backend {}. /help lists commands, Ctrl-D leaves.\n",
               session->checkpoint().folder().string(), NameOf(session->activations()),
               session->model().backend().name());
    PrintRoutes(*session);
  }
  Chat chat(*session, options, std::move(params));
  std::string line;
  for (LineEnd end = ReadLine(*reader, line); end != LineEnd::kEnd; end = ReadLine(*reader, line)) {
    if (end == LineEnd::kInterrupted) continue;
    const Result<bool> stay = chat.Take(line);
    if (!stay && stay.error().code == ErrorCode::kIo && std::ferror(stdout) != 0) {
      return tl::unexpected<Error>(stay.error());  // nobody reads the answers
    }
    if (!stay) fmt::print(stderr, "facet: error: {}\n", stay.error().message);
    if (stay && !*stay) break;
  }
  return kExitOk;
}

}  // namespace

void RegisterChat(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("chat", "A conversation in the terminal");
  auto options = std::make_shared<Options>();
  options->session.AddTo(*command);
  command->add_option("--system", options->system, "System message");
  command->add_flag("--think", options->think, "Let the model think before it answers");
  options->generation.AddTo(*command);
  options->session.AddImageBudgetTo(*command);
  command->add_flag("--no-history", options->no_history, "Keep no history of the lines typed");
  command->add_flag("--statistics", options->statistics, "A line of statistics after every answer");
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
