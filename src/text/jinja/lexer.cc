#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "text/jinja/escapes.h"
#include "text/unicode.h"

namespace facet::jinja {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

/// "\r\n" and "\r" as "\n", and without one newline at the end.
std::string NormalizeNewlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : storage_(std::move(source)), source_(storage_) {}

  Result<std::vector<Token>> Run() {
    while (at_ < source_.size()) FACET_RETURN_IF_ERROR(ReadDataAndTag());
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  bool LooksAt(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  void Add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  /// Moves on; lines are counted here and nowhere else.
  void Advance(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    line_starting_ = end > at_ && source_[end - 1] == '\n';
    at_ = end;
  }

  tl::unexpected<Error> Bad(std::string_view what) const {
    return Fail(ErrorCode::kInvalidData, "line {}: {}", line_, what);
  }

  size_t FindTag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] == '{' &&
          std::string_view("{%#").find(source_[i + 1]) != std::string_view::npos) {
        return i;
      }
    }
    return source_.size();
  }

  /// The text before a tag that begins at `tag`, as the tag's sign and kind leave it.
  std::string_view DataBefore(size_t tag) const {
    const std::string_view data = source_.substr(at_, tag - at_);
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (sign == '-') return data.substr(0, TrailingSpace(data));
    if (sign == '+' || tag + 1 >= source_.size() || source_[tag + 1] == '{') return data;
    const size_t newline = data.rfind('\n');
    if (newline == std::string_view::npos && !line_starting_) return data;
    const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    return Strip(data.substr(line)).empty() ? data.substr(0, line) : data;
  }

  Result<void> ReadDataAndTag() {
    const size_t tag = FindTag();
    const std::string_view data = DataBefore(tag);
    if (!data.empty()) Add(TokenKind::kData, std::string(data));
    Advance(tag);
    if (tag == source_.size()) return {};
    const bool signed_tag = at_ + 2 < source_.size() && IsSign(source_[at_ + 2]);
    const char kind = source_[at_ + 1];
    if (kind == '%') {
      if (const size_t raw = MatchRawBegin(); raw != std::string_view::npos) return ReadRaw(raw);
    }
    Advance(at_ + (signed_tag ? 3 : 2));
    if (kind == '#') return SkipComment();
    Add(kind == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
    return ReadTag(kind == '{' ? TokenKind::kVariableEnd : TokenKind::kBlockEnd);
  }

  Result<void> SkipComment() {
    const size_t close = source_.find("#}", at_);
    if (close == std::string_view::npos) return Bad("missing end of comment tag");
    // "{#-}" has no sign of its own: the one character is the begin's.
    const char sign = close > at_ ? source_[close - 1] : '\0';
    Advance(AfterTag(close + 2, sign));
    return {};
  }

  /// Where the template goes on behind a block or comment tag that ends at `end`.
  size_t AfterTag(size_t end, char sign) const {
    if (sign == '-') return end + LeadingSpace(source_.substr(end));
    const bool trims = sign != '+' && end < source_.size() && source_[end] == '\n';
    return trims ? end + 1 : end;
  }

  size_t SkipSpace(size_t at) const { return at + LeadingSpace(source_.substr(at)); }

  /// Behind `word` and white space around it from `at` on; npos if it is not there.
  size_t MatchWord(size_t at, std::string_view word) const {
    at = SkipSpace(at);
    if (!source_.substr(at).starts_with(word)) return std::string_view::npos;
    return SkipSpace(at + word.size());
  }

  static bool IsSign(char c) { return c == '-' || c == '+'; }

  /// The end of a "{% raw %}" here; npos if it is another tag. The newline behind it stays.
  size_t MatchRawBegin() const {
    size_t at = at_ + 2;
    if (at < source_.size() && IsSign(source_[at])) ++at;
    at = MatchWord(at, "raw");
    if (at == std::string_view::npos) return at;
    if (source_.substr(at).starts_with("-%}")) return SkipSpace(at + 3);
    return source_.substr(at).starts_with("%}") ? at + 2 : std::string_view::npos;
  }

  Result<void> ReadRaw(size_t begin) {
    Advance(begin);
    for (size_t tag = at_; (tag = source_.find("{%", tag)) != std::string_view::npos; tag += 2) {
      size_t end = tag + 2;
      if (end < source_.size() && IsSign(source_[end])) ++end;
      end = MatchWord(end, "endraw");
      if (end == std::string_view::npos) continue;
      const char sign = end < source_.size() && IsSign(source_[end]) ? source_[end] : '\0';
      if (sign != '\0') ++end;
      if (!source_.substr(end).starts_with("%}")) continue;
      const std::string_view data = DataBefore(tag);
      if (!data.empty()) Add(TokenKind::kData, std::string(data));
      Advance(AfterTag(end + 2, sign));
      return {};
    }
    return Bad("missing end of raw directive");
  }

  Result<void> ReadTag(TokenKind end) {
    const size_t outer = open_.size();
    while (at_ < source_.size()) {
      Advance(SkipSpace(at_));
      if (open_.size() == outer && MatchTagEnd(end)) return {};
      if (at_ < source_.size()) FACET_RETURN_IF_ERROR(ReadToken());
    }
    return Bad("a tag has no end");
  }

  /// Takes the end of the tag if it is here. Inside brackets "}}" closes two of them.
  bool MatchTagEnd(TokenKind end) {
    const std::string_view close = end == TokenKind::kVariableEnd ? "}}" : "%}";
    const bool can_keep = end == TokenKind::kBlockEnd;
    const char sign = LooksAt("-") || (can_keep && LooksAt("+")) ? source_[at_] : '\0';
    const size_t begin = at_ + (sign == '\0' ? 0 : 1);
    if (!source_.substr(begin).starts_with(close)) return false;
    Add(end, "");
    const size_t after = begin + 2;
    const bool variable = end == TokenKind::kVariableEnd;
    Advance(variable && sign == '\0' ? after : AfterTag(after, sign));
    return true;
  }

  Result<void> ReadToken() {
    const char c = source_[at_];
    if (IsDigit(c)) return ReadNumber();
    if (IsNameStart(c)) return ReadName();
    if (c == '\'' || c == '"') return ReadString(c);
    return ReadOperator();
  }

  Result<void> ReadName() {
    size_t end = at_;
    while (end < source_.size() && IsNamePart(source_[end])) ++end;
    Add(TokenKind::kName, std::string(source_.substr(at_, end - at_)));
    Advance(end);
    return {};
  }

  Result<void> ReadString(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return Bad("a string has no end");
    auto value = ResolveEscapes(source_.substr(at_ + 1, end - at_ - 1));
    if (!value) return Propagate(std::move(value), fmt::format("line {}", line_));
    Add(TokenKind::kString, *std::move(value));
    Advance(end + 1);
    return {};
  }

  size_t SkipDigits(size_t at) const {
    while (at < source_.size() && (IsDigit(source_[at]) || source_[at] == '_')) ++at;
    return at;
  }

  Result<void> ReadNumber() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    size_t end = SkipDigits(at_);
    const auto at = [this](size_t place) { return place < source_.size() ? source_[place] : '\0'; };
    const char base = static_cast<char>(at(end) | 0x20);
    if (end == at_ + 1 && source_[at_] == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      ++end;
      while (IsNamePart(at(end))) ++end;
    }
    const size_t whole = end;
    if (!after_dot && at(end) == '.' && IsDigit(at(end + 1))) end = SkipDigits(end + 1);
    if (!after_dot && (at(end) | 0x20) == 'e') {
      const size_t digits = end + (IsSign(at(end + 1)) ? 2 : 1);
      if (IsDigit(at(digits))) end = SkipDigits(digits);
    }
    std::string text(source_.substr(at_, end - at_));
    std::erase(text, '_');
    Add(end == whole ? TokenKind::kInteger : TokenKind::kFloat, std::move(text));
    Advance(end);
    return {};
  }

  Result<void> ReadOperator() {
    constexpr std::array<std::string_view, 26> kOperators = {
        "**", "//", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto found =
        std::ranges::find_if(kOperators, [this](std::string_view op) { return LooksAt(op); });
    if (found == kOperators.end()) {
      return Bad(
          fmt::format("unexpected character at \"{}\"", std::string_view(source_).substr(at_, 1)));
    }
    FACET_RETURN_IF_ERROR(Balance(found->front()));
    Add(TokenKind::kOperator, std::string(*found));
    Advance(at_ + found->size());
    return {};
  }

  Result<void> Balance(char bracket) {
    constexpr std::string_view kOpening = "([{";
    constexpr std::string_view kClosing = ")]}";
    if (const size_t kind = kOpening.find(bracket); kind != std::string_view::npos) {
      open_ += kClosing[kind];
    } else if (kClosing.find(bracket) != std::string_view::npos) {
      if (open_.empty() || open_.back() != bracket) {
        return Bad(fmt::format("unexpected '{}'", bracket));
      }
      open_.pop_back();
    }
    return {};
  }

  std::string storage_;
  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // the text read so far ends a line
  std::string open_;           // closing brackets that are due
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view source) {
  return Lexer(NormalizeNewlines(source)).Run();
}

}  // namespace facet::jinja
