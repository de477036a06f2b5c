#include "prompt/reply_parser.h"

#include <utility>

#include "prompt/tool_call_parser.h"
#include "text/unicode.h"

namespace facet {
namespace {

constexpr std::string_view kLabel = "thought";
constexpr std::string_view kCallOpen = "<|tool_call>";
constexpr std::string_view kCallClose = "<tool_call|>";

int32_t MarkerId(const Tokenizer& tokenizer, std::string_view piece) {
  const auto id = tokenizer.Find(piece);
  return id && tokenizer.IsSpecial(*id) ? *id : -1;
}

}  // namespace

void ThoughtText::Begin() {
  shown_before_ |= shown_in_channel_;
  shown_in_channel_ = false;
  in_label_ = true;
  held_.clear();
}

std::string ThoughtText::Push(std::string_view text) {
  held_ += text;
  if (in_label_) {
    if (kLabel.starts_with(held_)) return {};
    in_label_ = false;
    if (held_.starts_with(kLabel) && held_[kLabel.size()] == '\n') {
      held_.erase(0, kLabel.size() + 1);
    }
  }
  if (!shown_in_channel_) held_.erase(0, LeadingSpace(held_));
  const size_t end = TrailingSpace(held_);
  if (end == 0) return {};
  std::string shown = held_.substr(0, end);
  held_.erase(0, end);
  if (!shown_in_channel_ && shown_before_) shown.insert(0, "\n");
  shown_in_channel_ = true;
  return shown;
}

ReplyParser::ReplyParser(const Tokenizer& tokenizer, std::span<const int32_t> prompt)
    : tokenizer_(&tokenizer),
      markers_{.channel_open = MarkerId(tokenizer, "<|channel>"),
               .channel_close = MarkerId(tokenizer, "<channel|>"),
               .call_open = MarkerId(tokenizer, kCallOpen),
               .call_close = MarkerId(tokenizer, kCallClose),
               .quote = MarkerId(tokenizer, "<|\"|>"),
               .turn_open = MarkerId(tokenizer, "<|turn>"),
               .turn_close = MarkerId(tokenizer, "<turn|>"),
               .response_open = MarkerId(tokenizer, "<|tool_response>"),
               .eos = MarkerId(tokenizer, "<eos>")},
      decoder_(tokenizer) {
  EnterPrompt(prompt);
}

void ReplyParser::EnterPrompt(std::span<const int32_t> prompt) {
  size_t begin = prompt.size();
  while (begin > 0 && !EndsSection(prompt[begin - 1])) --begin;
  if (begin == 0 || prompt[begin - 1] != markers_.channel_open) return;
  // The prompt ends inside a channel: what stands there already is not part of the reply.
  for (const int32_t id : prompt.subspan(begin - 1)) static_cast<void>(Push(id));
}

bool ReplyParser::EndsSection(int32_t id) const {
  return id == markers_.channel_open || id == markers_.channel_close || id == markers_.call_open ||
         id == markers_.call_close || id == markers_.turn_open || id == markers_.turn_close ||
         id == markers_.response_open || id == markers_.eos;
}

std::vector<ReplyEvent> ReplyParser::Push(int32_t id) {
  std::vector<ReplyEvent> events;
  if (id >= 0 && tokenizer_->IsSpecial(id)) {
    TakeText(decoder_.Finish(), events);
    TakeMarker(id, events);
  } else {
    TakeText(decoder_.Push(id), events);
  }
  return events;
}

std::vector<ReplyEvent> ReplyParser::Finish() {
  std::vector<ReplyEvent> events;
  TakeText(decoder_.Finish(), events);
  EndSection("", events);
  return events;
}

void ReplyParser::TakeText(std::string text, std::vector<ReplyEvent>& events) {
  if (text.empty()) return;
  switch (state_) {
    case State::kAnswer:
      events.push_back(AnswerText{std::move(text)});
      break;
    case State::kThought:
      if (std::string shown = thought_.Push(text); !shown.empty()) {
        events.push_back(ReasoningText{std::move(shown)});
      }
      break;
    case State::kToolCall:
      call_ += text;
      break;
  }
}

void ReplyParser::TakeMarker(int32_t id, std::vector<ReplyEvent>& events) {
  if (state_ == State::kToolCall && id == markers_.quote) {
    call_.push_back(kQuoteByte);
    return;
  }
  if (!EndsSection(id)) return;
  EndSection(id == markers_.call_close ? kCallClose : std::string_view(), events);
  if (id == markers_.channel_open) {
    state_ = State::kThought;
    thought_.Begin();
  } else if (id == markers_.call_open) {
    state_ = State::kToolCall;
  }
}

void ReplyParser::EndSection(std::string_view end_marker, std::vector<ReplyEvent>& events) {
  const State ended = std::exchange(state_, State::kAnswer);
  if (ended == State::kThought) thought_.End();
  if (ended != State::kToolCall) return;
  const std::string text = std::exchange(call_, {});
  std::string raw = std::string(kCallOpen) + SpellQuotes(text) + std::string(end_marker);
  // A call whose arguments are complete counts even if its end marker is missing.
  auto call = ParseToolCall(text);
  if (call) {
    events.push_back(CalledTool{.call = *std::move(call), .raw = std::move(raw)});
  } else {
    events.push_back(
        BrokenToolCall{.raw = std::move(raw), .problem = std::move(call.error().message)});
  }
}

Reply ParseReply(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                 std::span<const int32_t> reply) {
  Reply result;
  const auto take = [&result](std::vector<ReplyEvent> events) {
    for (ReplyEvent& event : events) {
      if (auto* reasoning = std::get_if<ReasoningText>(&event)) result.reasoning += reasoning->text;
      if (auto* answer = std::get_if<AnswerText>(&event)) result.answer += answer->text;
      if (auto* called = std::get_if<CalledTool>(&event)) {
        result.tool_calls.push_back(std::move(called->call));
      }
      if (auto* broken = std::get_if<BrokenToolCall>(&event)) {
        result.broken_calls.push_back(std::move(*broken));
      }
    }
  };
  ReplyParser parser(tokenizer, prompt);
  for (const int32_t id : reply) take(parser.Push(id));
  take(parser.Finish());
  return result;
}

}  // namespace facet
