// Generated tokens to what they mean: thinking, answer text and tool calls, while they arrive.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "prompt/conversation.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace facet {

/// The next piece of thinking. All pieces joined are the thinking, trimmed.
struct ReasoningText {
  std::string text;
};
/// The next piece of the answer. All pieces joined are the answer, as the model wrote it.
struct AnswerText {
  std::string text;
};
/// A complete call. `raw` is the model's text with its markers.
struct CalledTool {
  ToolCall call;
  std::string raw;
};
/// A call that cannot be read, with the reason. Its text is in neither field of the reply but here.
struct BrokenToolCall {
  std::string raw;
  std::string problem;
};
using ReplyEvent = std::variant<ReasoningText, AnswerText, CalledTool, BrokenToolCall>;

/// The thinking of one <|channel> … <channel|>: without its label "thought\n", trimmed, and never
/// more than is certain to stay.
class ThoughtText {
 public:
  /// A new channel.
  void Begin();
  /// Takes text of the channel, returns what can be shown now.
  std::string Push(std::string_view text);
  /// The channel's end: what was held back was label or white space.
  void End() { held_.clear(); }

 private:
  std::string held_;  // a possible label, later white space that may turn out to be inside
  bool in_label_ = true;
  bool shown_in_channel_ = false;
  bool shown_before_ = false;  // by an earlier channel of the reply; a line break parts the two
};

/// Splits one reply. Control tokens are told by their ids, so that text that looks like one is
/// text; no control token shows up in thinking or answer. Pushing a reply token by token or parsing
/// it at once gives the same parts. Rules for odd replies are in docs/prompt.md.
class ReplyParser {
 public:
  /// `prompt` is the prompt that is being answered: it may end inside a thinking channel. Borrows
  /// the tokenizer, which must live longer.
  ReplyParser(const Tokenizer& tokenizer, std::span<const int32_t> prompt);

  /// What this token completes: often nothing or one piece of text.
  std::vector<ReplyEvent> Push(int32_t id);

  /// The end of the reply, for whatever reason.
  std::vector<ReplyEvent> Finish();

 private:
  enum class State { kAnswer, kThought, kToolCall };
  /// The control tokens, -1 where the vocabulary lacks one.
  struct Markers {
    int32_t channel_open, channel_close, call_open, call_close, quote, turn_open, turn_close,
        response_open, eos;
  };

  void EnterPrompt(std::span<const int32_t> prompt);
  void TakeText(std::string text, std::vector<ReplyEvent>& events);
  void TakeMarker(int32_t id, std::vector<ReplyEvent>& events);
  void EndSection(std::string_view end_marker, std::vector<ReplyEvent>& events);
  bool EndsSection(int32_t id) const;

  const Tokenizer* tokenizer_;
  Markers markers_;
  StreamDecoder decoder_;
  State state_ = State::kAnswer;
  ThoughtText thought_;
  std::string call_;  // text of the open call, quotes as kQuoteByte
};

/// A whole reply, sorted by kind.
struct Reply {
  std::string reasoning;
  std::string answer;
  std::vector<ToolCall> tool_calls;
  std::vector<BrokenToolCall> broken_calls;
};
Reply ParseReply(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                 std::span<const int32_t> reply);

}  // namespace facet
